//! `POST /api/v1/auth/logout`: ends the session of a command line.

use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Endpoint, Note},
    policy::MfaLevel,
};
use axum::{Extension, Json, extract::State, routing::post};
use http::Method;
use serde::Serialize;
use utoipa::ToSchema;

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/logout",
    access: Access::Person,
    mfa: MfaLevel::None,
    action: "session.logout",
};

/// `{"status": "logged_out"}`.
#[derive(Serialize, ToSchema)]
pub struct LoggedOut {
    status: &'static str,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(logout))
}

async fn logout(
    State(context): State<Context>,
    Extension(Caller(principal)): Extension<Caller>,
    Extension(note): Extension<Note>,
) -> Result<Json<LoggedOut>, ApiError> {
    super::logout_web::leave(&context, &principal, &note).await?;
    Ok(Json(LoggedOut { status: "logged_out" }))
}
