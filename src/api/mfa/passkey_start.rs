//! `POST /api/v1/auth/passkey/start`: a challenge for whoever has a passkey. Names nobody.

use super::KeyChallenge;
use crate::{
    api::{Access, ApiError, ApiRoute, Context, Endpoint},
    policy::MfaLevel,
};
use axum::{Json, extract::State, routing::post};
use http::Method;

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

async fn start(State(context): State<Context>) -> Result<Json<KeyChallenge>, ApiError> {
    let started = context.mfa.start_passkey_login(context.clock.now()).await?;
    Ok(Json(KeyChallenge { handle: started.handle.expose().to_owned(), options: started.options }))
}
