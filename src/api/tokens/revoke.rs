//! `DELETE /api/v1/api-tokens/{id}`: revokes it for good. Its record stays.

use super::{
    super::{
        Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note,
        admin::{Params, changed},
    },
    view::{actor, visible},
};
use crate::{
    core::id::TokenId,
    identity::change::tokens,
    policy::{MfaLevel, Permission},
};
use axum::{Extension, extract::State, routing};
use http::{Method, StatusCode};

static ROUTE: ApiRoute = ApiRoute {
    method: Method::DELETE,
    path: "/api/v1/api-tokens/{id}",
    access: Access::Authenticated,
    mfa: MfaLevel::Always,
    action: "token.revoke",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, routing::delete(revoke))
}

async fn revoke(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    params: Params,
) -> Result<StatusCode, ApiError> {
    let id: TokenId = params.id("token")?;
    let (_, _, needs) = visible(&context, &note, &principal, id, Permission::TokenDelete).await?;
    let (now, actor) = (context.clock.now(), actor(&principal, needs));
    changed(&context, &note, tokens::revoke(&context.db, &actor, now, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
