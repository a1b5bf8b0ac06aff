//! `GET /api/v1/sessions`: the caller's open sessions, newest first.

use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Endpoint},
    core::{Timestamp, id::SessionId},
    policy::MfaLevel,
    store::SessionRow,
};
use axum::{Extension, Json, extract::State, routing::get};
use http::Method;
use serde::Serialize;
use utoipa::ToSchema;

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/api/v1/sessions",
    access: Access::Person,
    mfa: MfaLevel::None,
    action: "session.list",
};

#[derive(Serialize, ToSchema)]
pub struct Sessions {
    sessions: Vec<SessionView>,
}

/// A session as people see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MySession)]
pub struct SessionView {
    id: SessionId,
    channel: String,
    method: String,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    /// The absolute end.
    expires_at: Timestamp,
    ip: String,
    user_agent: String,
    device_name: String,
    /// Whether it is the one that asks.
    current: bool,
}

impl SessionView {
    pub fn of(row: SessionRow, current: Option<SessionId>) -> Self {
        Self {
            current: current == Some(row.id),
            id: row.id,
            channel: row.channel,
            method: row.method,
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
            expires_at: row.expires_at,
            ip: row.ip,
            user_agent: row.user_agent,
            device_name: row.device_name,
        }
    }
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(list))
}

async fn list(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
) -> Result<Json<Sessions>, ApiError> {
    let current = principal.session().map(|session| session.id);
    let rows = context.sessions.open_ones(principal.user.id).await?;
    Ok(Json(Sessions { sessions: rows.into_iter().map(|row| SessionView::of(row, current)).collect() }))
}
