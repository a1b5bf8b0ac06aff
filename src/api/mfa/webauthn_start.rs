//! `POST /api/v1/auth/mfa/enroll/webauthn/start`: options for a new passkey or security key.

use super::grounds;
use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Edge, Endpoint},
    policy::MfaLevel,
};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::post,
};
use http::{HeaderMap, Method};
use serde_json::json;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/mfa/enroll/webauthn/start",
    access: Access::Person,
    mfa: MfaLevel::None,
    action: "mfa_method.begin",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(start))
}

async fn start(
    State(context): State<Context>,
    Extension(Caller(who)): Extension<Caller>,
    Extension(edge): Extension<Edge>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let now = context.clock.now();
    grounds(&context, &who, &headers, edge.ip, now).await?;
    let started = context.mfa.start_webauthn(&who, now).await?;
    let document = json!({ "handle": started.handle.expose(), "public_key_options": started.options });
    Ok(Json(document).into_response())
}
