//! `DELETE /api/v1/roles/{name}`: grants that name it stay, and allow nothing.

use super::super::{
    Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note,
    admin::{Params, changed},
};
use crate::{
    identity::change::{Actor, roles},
    policy::{MfaLevel, Permission},
};
use axum::{Extension, extract::State, routing};
use http::{Method, StatusCode};

static ROUTE: ApiRoute = ApiRoute {
    method: Method::DELETE,
    path: "/api/v1/roles/{name}",
    access: Access::Needs(Permission::RoleUpdate),
    mfa: MfaLevel::None,
    action: "role.delete",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, routing::delete(delete))
}

async fn delete(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    params: Params,
) -> Result<StatusCode, ApiError> {
    let name = params.text("name");
    note.resource(name);
    let actor = Actor::Caller { principal: &principal, needs: Some(Permission::RoleUpdate) };
    changed(&context, &note, roles::remove(&context.db, &actor, context.clock.now(), name)).await?;
    Ok(StatusCode::NO_CONTENT)
}
