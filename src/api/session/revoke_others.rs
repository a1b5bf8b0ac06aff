//! `POST /api/v1/sessions/revoke-others`: ends all of the caller's sessions but the one that asks.

use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note},
    policy::MfaLevel,
};
use axum::{Extension, Json, extract::State, routing::post};
use http::Method;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/sessions/revoke-others",
    access: Access::Person,
    mfa: MfaLevel::None,
    action: "session.revoke_others",
};

/// How many there were.
#[derive(Serialize, ToSchema)]
pub struct RevokedOthers {
    revoked_count: u64,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(revoke))
}

async fn revoke(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
) -> Result<Json<RevokedOthers>, ApiError> {
    let Some(session) = principal.session() else { return Err(ApiError::internal()) };
    let count =
        context.sessions.revoke_others(principal.user.id, session.id, "ended by the user elsewhere").await?;
    note.changes(&json!({ "other_sessions": count }), &json!({ "other_sessions": 0 }));
    Ok(Json(RevokedOthers { revoked_count: count }))
}
