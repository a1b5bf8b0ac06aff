//! `POST /api/v1/auth/passkey/start`: a challenge for whoever has a passkey. Names nobody.

use crate::{
    api::{Access, ApiError, ApiRoute, Context, Endpoint},
    policy::MfaLevel,
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::post,
};
use http::Method;
use serde_json::json;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/passkey/start",
    access: Access::Public,
    mfa: MfaLevel::None,
    action: "login.begin",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(start))
}

async fn start(State(context): State<Context>) -> Result<Response, ApiError> {
    let started = context.mfa.start_passkey_login(context.clock.now()).await?;
    Ok(Json(json!({ "handle": started.handle.expose(), "options": started.options })).into_response())
}
