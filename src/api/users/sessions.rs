//! `GET /api/v1/users/{email}/sessions`: the open ones, newest first.

use super::super::{Access, ApiError, ApiRoute, Context, Endpoint, Note, admin::Params};
use crate::{
    core::{Timestamp, id::SessionId},
    policy::{MfaLevel, Permission},
    store::{SessionRow, UserRow},
};
use axum::{Extension, Json, extract::State, routing::get};
use http::Method;
use serde::Serialize;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/api/v1/users/{email}/sessions",
    access: Access::Needs(Permission::SessionRead),
    mfa: MfaLevel::None,
    action: "session.list",
};

#[derive(Serialize, ToSchema)]
pub struct SessionPage {
    sessions: Vec<SessionView>,
}

#[derive(Serialize, ToSchema)]
struct SessionView {
    id: SessionId,
    /// `web` or `cli`.
    channel: String,
    /// How the person logged in: `oidc:<name>`, `github`, `passkey`, `link`.
    method: String,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    expires_at: Timestamp,
    ip: String,
    user_agent: String,
    device_name: String,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(list))
}

async fn list(
    State(context): State<Context>,
    Extension(note): Extension<Note>,
    params: Params,
) -> Result<Json<SessionPage>, ApiError> {
    let user = user(&context, &note, &params).await?;
    let rows = context.sessions.open_ones(user.id).await?;
    Ok(Json(SessionPage { sessions: rows.into_iter().map(SessionView::of).collect() }))
}

/// Whose sessions are meant.
pub async fn user(context: &Context, note: &Note, params: &Params) -> Result<UserRow, ApiError> {
    let email = params.email()?;
    note.resource(&email);
    Ok(context.db.user_by_email(&email).await?)
}

impl SessionView {
    fn of(row: SessionRow) -> Self {
        let SessionRow { id, channel, method, created_at, last_seen_at, expires_at, .. } = row;
        let SessionRow { ip, user_agent, device_name, .. } = row;
        Self { id, channel, method, created_at, last_seen_at, expires_at, ip, user_agent, device_name }
    }
}
