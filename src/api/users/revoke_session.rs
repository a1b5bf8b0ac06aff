//! `POST /api/v1/users/{email}/sessions/{id}/revoke`.

use super::{
    super::{Access, ApiError, ApiRoute, Context, Endpoint, Note, admin::Params},
    sessions,
};
use crate::{
    core::id::SessionId,
    policy::{MfaLevel, Permission},
};
use axum::{Extension, Json, extract::State, routing::post};
use http::Method;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/users/{email}/sessions/{id}/revoke",
    access: Access::Needs(Permission::SessionRevoke),
    mfa: MfaLevel::None,
    action: "session.revoke",
};

#[derive(Serialize, ToSchema)]
pub struct Revoked {
    revoked: bool,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(revoke))
}

async fn revoke(
    State(context): State<Context>,
    Extension(note): Extension<Note>,
    params: Params,
) -> Result<Json<Revoked>, ApiError> {
    let user = sessions::user(&context, &note, &params).await?;
    let id: SessionId = params.id("session")?;
    context.sessions.revoke(user.id, id, "ended by an administrator").await?;
    note.changes(&json!({ "session": id, "open": true }), &json!({ "session": id, "open": false }));
    Ok(Json(Revoked { revoked: true }))
}
