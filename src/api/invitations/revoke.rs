//! `DELETE /api/v1/invitations/{id}`: takes an invitation back that was not used yet.

use crate::{
    api::{Access, ApiError, ApiRoute, Context, Endpoint, Note},
    core::id::LinkId,
    identity::links::INVITATION,
    policy::{MfaLevel, Permission},
};
use axum::{
    Extension,
    extract::{Path, State},
    routing::delete,
};
use http::{Method, StatusCode};

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::DELETE,
    path: "/api/v1/invitations/{id}",
    access: Access::Needs(Permission::LinkRevoke),
    mfa: MfaLevel::None,
    action: "invitation.revoke",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, delete(revoke))
}

async fn revoke(
    State(context): State<Context>,
    Extension(note): Extension<Note>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let id: LinkId = id.parse().map_err(|_| ApiError::not_found("such invitation"))?;
    note.resource(id.to_string());
    context.db.revoke_link(id, INVITATION, context.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
