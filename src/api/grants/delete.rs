//! `DELETE /api/v1/grants/{id}`.

use super::super::{
    Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note,
    admin::{Params, changed},
};
use crate::{
    core::id::GrantId,
    identity::change::{Actor, grants},
    notify::mail::Notice,
    policy::{MfaLevel, Permission},
    store::GrantRow,
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
    let removed = grants::remove(&context.db, &actor, context.clock.now(), id);
    let grant = changed(&context, &note, removed).await?;
    if let Some(user) = grant.user_id
        && let Some(user) = context.db.user_by_id(user).await?
    {
        let GrantRow { role, target, .. } = &grant;
        let notice = Notice::RoleTaken { role, target, by: &principal.user.email };
        context.mailer.queue(&notice, &user.email).await;
    }
    Ok(StatusCode::NO_CONTENT)
}
