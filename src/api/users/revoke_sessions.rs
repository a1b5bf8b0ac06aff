//! `POST /api/v1/users/{email}/sessions/revoke_all`.

use super::{
    super::{Access, ApiError, ApiRoute, Context, Endpoint, Note, admin::Params},
    sessions,
};
use crate::policy::{MfaLevel, Permission};
use axum::{Extension, Json, extract::State, routing::post};
use http::Method;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/users/{email}/sessions/revoke_all",
    access: Access::Needs(Permission::SessionRevoke),
    mfa: MfaLevel::None,
    action: "session.revoke_all",
};

#[derive(Serialize, ToSchema)]
pub struct RevokedCount {
    revoked_count: u64,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(revoke))
}

async fn revoke(
    State(context): State<Context>,
    Extension(note): Extension<Note>,
    params: Params,
) -> Result<Json<RevokedCount>, ApiError> {
    let user = sessions::user(&context, &note, &params).await?;
    let revoked_count = context.sessions.revoke_all(user.id, "ended by an administrator").await?;
    note.changes(&json!({ "open": revoked_count }), &json!({ "open": 0 }));
    Ok(Json(RevokedCount { revoked_count }))
}
