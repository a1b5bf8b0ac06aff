//! `DELETE /registry-svc/node/{url}`, with the URL percent-encoded.

use super::{
    super::{Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note, admin::Params, may},
    node_put::refused,
};
use crate::policy::{MfaLevel, Permission, Target};
use axum::{Extension, extract::State, routing};
use http::{Method, StatusCode};
use serde_json::{Value, json};

static ROUTE: ApiRoute = ApiRoute {
    method: Method::DELETE,
    path: "/registry-svc/node/{url}",
    access: Access::Somewhere(&[Permission::NodeRemove, Permission::NodeRegister]),
    mfa: MfaLevel::None,
    action: "node.remove",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, routing::delete(remove))
}

async fn remove(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    params: Params,
) -> Result<StatusCode, ApiError> {
    let url = params.text("url").trim_end_matches('/');
    note.resource(url);
    let now = context.clock.now();
    let owner = match principal.rights.allow(Permission::NodeRemove, &Target::gateway(), now) {
        true => None,
        false => {
            may(&context, &principal, Permission::NodeRegister)?;
            Some(principal.user.id)
        }
    };
    let gone = context.nodes.remove(url, owner).await.map_err(refused)?;
    note.changes(&json!({ "id": gone.id, "url": gone.url }), &Value::Null);
    Ok(StatusCode::NO_CONTENT)
}
