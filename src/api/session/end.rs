//! `DELETE /api/v1/sessions/{id}`: ends one of the caller's own sessions.

use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note},
    core::id::SessionId,
    policy::MfaLevel,
};
use axum::{
    Extension, Json,
    extract::{Path, State},
    routing::delete,
};
use http::Method;
use serde::Serialize;
use utoipa::ToSchema;

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::DELETE,
    path: "/api/v1/sessions/{id}",
    access: Access::Person,
    mfa: MfaLevel::None,
    action: "session.revoke",
};

/// `{"revoked": true}`.
#[derive(Serialize, ToSchema)]
#[schema(as = EndedSession)]
pub struct Ended {
    revoked: bool,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, delete(end))
}

/// Somebody else's session does not exist for the caller.
async fn end(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
    Path(id): Path<String>,
) -> Result<Json<Ended>, ApiError> {
    let id: SessionId = id.parse().map_err(|_| ApiError::field("id", "is not the id of a session"))?;
    note.resource(id.to_string());
    context.sessions.revoke(principal.user.id, id, "ended by the user").await?;
    Ok(Json(Ended { revoked: true }))
}
