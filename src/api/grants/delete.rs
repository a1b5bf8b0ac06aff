//! `DELETE /api/v1/grants/{id}`.

use super::super::{
    Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note,
    admin::{Params, changed},
};
use crate::{
    core::id::GrantId,
    identity::change::{Actor, grants},
    policy::{MfaLevel, Permission},
};
use axum::{Extension, extract::State, routing};
use http::{Method, StatusCode};

static ROUTE: ApiRoute = ApiRoute {
    method: Method::DELETE,
    path: "/api/v1/grants/{id}",
    access: Access::Needs(Permission::GrantUpdate),
    mfa: MfaLevel::None,
    action: "grant.remove",
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
    let id: GrantId = params.id("grant")?;
    note.resource(id.to_string());
    let actor = Actor::Caller { principal: &principal, needs: Some(Permission::GrantUpdate) };
    changed(&context, &note, grants::remove(&context.db, &actor, context.clock.now(), id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
