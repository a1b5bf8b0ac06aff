//! `POST /api/v1/auth/mfa/webauthn/assertion/start`: a challenge for one of the caller's keys.

use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Endpoint},
    policy::MfaLevel,
};
use axum::{Extension, Json, extract::State, routing::post};
use http::Method;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/mfa/webauthn/assertion/start",
    access: Access::Person,
    mfa: MfaLevel::None,
    action: "mfa.challenge",
};

/// WebAuthn's own options, and the handle to come back with.
#[derive(Serialize, ToSchema)]
pub struct AssertionChallenge {
    #[schema(value_type = Object)]
    options: Value,
    session_data: String,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(start))
}

async fn start(
    State(context): State<Context>,
    Extension(Caller(who)): Extension<Caller>,
) -> Result<Json<AssertionChallenge>, ApiError> {
    let started = context.mfa.start_assertion(&who, context.clock.now()).await?;
    let session_data = started.handle.expose().to_owned();
    Ok(Json(AssertionChallenge { options: started.options, session_data }))
}
