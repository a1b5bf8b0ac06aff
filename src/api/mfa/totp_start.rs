//! `POST /api/v1/auth/mfa/enroll/totp/start`: the secret of a new authenticator app, as text, URI and picture.

use super::grounds;
use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Edge, Endpoint, Payload},
    policy::MfaLevel,
};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::post,
};
use http::{HeaderMap, Method};
use serde::Deserialize;
use serde_json::json;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/mfa/enroll/totp/start",
    access: Access::Person,
    mfa: MfaLevel::None,
    action: "mfa_method.begin",
};

#[derive(Deserialize)]
struct Wanted {
    label: Option<String>,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, post(start))
}

async fn start(
    State(context): State<Context>,
    Extension(Caller(who)): Extension<Caller>,
    Extension(edge): Extension<Edge>,
    headers: HeaderMap,
    Payload(wanted): Payload<Wanted>,
) -> Result<Response, ApiError> {
    let now = context.clock.now();
    grounds(&context, &who, &headers, edge.ip, now).await?;
    let started = context.mfa.start_totp(&who, wanted.label.as_deref(), now).await?;
    Ok(Json(json!({
        "method_id": started.method,
        "secret": started.secret.expose(),
        "uri": started.uri.expose(),
        "qr_svg": started.qr_svg.expose(),
    }))
    .into_response())
}
