//! `DELETE /registry-svc/instance/{id}`: its owner, and those who may remove any.

use super::{
    super::{Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note, admin::Params},
    actor::{if_match, of_instance, refused},
    view::InstanceView,
};
use crate::policy::{MfaLevel, Permission};
use axum::{Extension, extract::State, routing};
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::DELETE,
    path: "/registry-svc/instance/{id}",
    access: Access::Somewhere(&[Permission::InstanceRemove, Permission::InstanceRegister]),
    mfa: MfaLevel::None,
    action: "instance.remove",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, routing::delete(remove))
}

async fn remove(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    headers: HeaderMap,
    params: Params,
) -> Result<StatusCode, ApiError> {
    note.resource(params.text("id"));
    let revision = if_match(&headers)?;
    let (instance, actor) = of_instance(&context, &principal, params.text("id")).await?;
    let gone = context.registrar.remove(&actor, &instance.id, revision).await.map_err(refused)?;
    let was = serde_json::to_value(InstanceView::of(&gone)).unwrap_or_default();
    note.changes(&was, &Value::Null);
    Ok(StatusCode::NO_CONTENT)
}
