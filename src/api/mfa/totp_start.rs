//! `POST /api/v1/auth/mfa/enroll/totp/start`: the secret of a new authenticator app, as text, URI and picture.

use super::grounds;
use crate::{
    api::{Access, ApiError, ApiRoute, Caller, Context, Edge, Endpoint, Payload},
    core::id::MethodId,
    policy::MfaLevel,
};
use axum::{Extension, Json, extract::State, routing::post};
use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/mfa/enroll/totp/start",
    access: Access::Person,
    mfa: MfaLevel::None,
    action: "mfa_method.begin",
};

#[derive(Deserialize, ToSchema)]
#[schema(as = TotpWish)]
pub struct Wanted {
    label: Option<String>,
}

/// What an app needs; shown this once.
#[derive(Serialize, ToSchema)]
pub struct StartedTotp {
    method_id: MethodId,
    /// In base 32.
    secret: String,
    /// `otpauth://totp/…`
    uri: String,
    qr_svg: String,
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
) -> Result<Json<StartedTotp>, ApiError> {
    let now = context.clock.now();
    grounds(&context, &who, &headers, edge.ip, now).await?;
    let started = context.mfa.start_totp(&who, wanted.label.as_deref(), now).await?;
    Ok(Json(StartedTotp {
        method_id: started.method,
        secret: started.secret.expose().to_owned(),
        uri: started.uri.expose().to_owned(),
        qr_svg: started.qr_svg.expose().to_owned(),
    }))
}
