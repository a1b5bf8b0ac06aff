//! `PUT` and `DELETE /registry-svc/instance/{id}/drain`: takes an instance out of service for a reason, and puts it
//! back. It stays registered and goes on with what it has begun.

use super::{
    super::{Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note, Payload, admin::Params},
    actor::{if_match, of_instance, refused},
    register::answer,
    wish::plain,
};
use crate::policy::{MfaLevel, Permission};
use axum::{
    Extension,
    extract::State,
    response::Response,
    routing::{self, put},
};
use http::{HeaderMap, Method};
use serde::Deserialize;
use utoipa::ToSchema;

static DRAIN: ApiRoute = ApiRoute {
    method: Method::PUT,
    path: "/registry-svc/instance/{id}/drain",
    access: Access::Somewhere(&[Permission::InstanceRegister, Permission::InstanceRemove]),
    mfa: MfaLevel::None,
    action: "instance.drain",
};

static UNDO: ApiRoute = ApiRoute {
    method: Method::DELETE,
    path: "/registry-svc/instance/{id}/drain",
    access: Access::Somewhere(&[Permission::InstanceRegister, Permission::InstanceRemove]),
    mfa: MfaLevel::None,
    action: "instance.undrain",
};

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DrainBody {
    /// Shown to all who may see the instance.
    reason: Option<String>,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&DRAIN, put(drain))
}

pub fn undo() -> Endpoint {
    Endpoint::new(&UNDO, routing::delete(undrain))
}

async fn drain(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    Extension(note): Extension<Note>,
    headers: HeaderMap,
    params: Params,
    Payload(body): Payload<DrainBody>,
) -> Result<Response, ApiError> {
    let reason = body.reason.filter(|reason| !reason.is_empty()).unwrap_or_else(|| "maintenance".to_owned());
    let reason = plain("reason", reason, 300)?;
    turn(&context, &caller, &note, &headers, params.text("id"), Some(&reason)).await
}

async fn undrain(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    Extension(note): Extension<Note>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    turn(&context, &caller, &note, &headers, params.text("id"), None).await
}

async fn turn(
    context: &Context,
    Caller(principal): &Caller,
    note: &Note,
    headers: &HeaderMap,
    id: &str,
    reason: Option<&str>,
) -> Result<Response, ApiError> {
    note.resource(id);
    let revision = if_match(headers)?;
    let (instance, actor) = of_instance(context, principal, id).await?;
    let done = context.registrar.drain(&actor, &instance.id, reason, revision).await.map_err(refused)?;
    Ok(answer(context, note, &done))
}
