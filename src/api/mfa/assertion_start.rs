//! `POST /api/v1/auth/mfa/webauthn/assertion/start`: a challenge for one of the caller's keys.

use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Endpoint},
    policy::MfaLevel,
};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::post,
};
use http::Method;
use serde_json::json;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/mfa/webauthn/assertion/start",
    access: Access::Person,
    mfa: MfaLevel::None,
    action: "mfa.challenge",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(start))
}

async fn start(
    State(context): State<Context>,
    Extension(Caller(who)): Extension<Caller>,
) -> Result<Response, ApiError> {
    let started = context.mfa.start_assertion(&who, context.clock.now()).await?;
    let document = json!({ "options": started.options, "session_data": started.handle.expose() });
    Ok(Json(document).into_response())
}
