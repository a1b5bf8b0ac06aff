//! `POST /api/v1/auth/mfa/enroll/webauthn/start`: options for a new passkey or security key.

use super::grounds;
use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Edge, Endpoint},
    policy::MfaLevel,
};
use axum::{Extension, Json, extract::State, routing::post};
use http::{HeaderMap, Method};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/mfa/enroll/webauthn/start",
    access: Access::Person,
    mfa: MfaLevel::None,
    action: "mfa_method.begin",
};

/// WebAuthn's own options, and the handle to come back with.
#[derive(Serialize, ToSchema)]
pub struct Registration {
    handle: String,
    #[schema(value_type = Object)]
    public_key_options: Value,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(start))
}

async fn start(
    State(context): State<Context>,
    Extension(Caller(who)): Extension<Caller>,
    Extension(edge): Extension<Edge>,
    headers: HeaderMap,
) -> Result<Json<Registration>, ApiError> {
    let now = context.clock.now();
    grounds(&context, &who, &headers, edge.ip, now).await?;
    let started = context.mfa.start_webauthn(&who, now).await?;
    let handle = started.handle.expose().to_owned();
    Ok(Json(Registration { handle, public_key_options: started.options }))
}
