//! `DELETE /api/v1/users/{email}`: with all that is theirs.

use super::super::{
    Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note,
    admin::{Params, changed},
};
use crate::{
    identity::change::{Actor, users},
    policy::{MfaLevel, Permission},
};
use axum::{Extension, extract::State, routing};
use http::{Method, StatusCode};

static ROUTE: ApiRoute = ApiRoute {
    method: Method::DELETE,
    path: "/api/v1/users/{email}",
    access: Access::Needs(Permission::UserDelete),
    mfa: MfaLevel::None,
    action: "user.delete",
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
    let who = params.email()?;
    note.resource(&who);
    let actor = Actor::Caller { principal: &principal, needs: Some(Permission::UserDelete) };
    let now = context.clock.now();
    changed(&context, &note, users::delete(&context.db, &actor, now, &who)).await?;
    Ok(StatusCode::NO_CONTENT)
}
