//! `POST /api/v1/auth/device/code`: begins a login by a code that a person types (RFC 8628, 3.1).

use super::{
    asked::Asked,
    begin::{EXPIRES_IN, begin},
    unstored::Unstored,
};
use crate::{
    api::{Access, ApiError, ApiRoute, Context, Edge, Note},
    identity::cli_login::Flow,
    policy::MfaLevel,
};
use axum::{Extension, extract::State};
use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::Serialize;
use utoipa::ToSchema;

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/device/code",
    access: Access::Public,
    mfa: MfaLevel::None,
    action: "login.start",
};

#[derive(Serialize, ToSchema)]
#[schema(as = DeviceCode)]
pub struct Begun {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: String,
    expires_in: u64,
    interval: i64,
}

pub async fn begin_device(
    State(context): State<Context>,
    Extension(edge): Extension<Edge>,
    Extension(note): Extension<Note>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Unstored<Begun>, ApiError> {
    let asked = Asked::read(&headers, &body)?;
    let how = (Flow::Device, asked.challenge()?, None);
    let begun = Box::pin(begin(&context, edge, &note, &headers, &asked, how)).await?;
    let page = context.public_url.join("/app/device");
    Ok(Unstored(Begun {
        verification_uri_complete: format!("{page}?user_code={}", begun.user_code),
        verification_uri: page,
        user_code: begun.user_code.to_string(),
        expires_in: EXPIRES_IN,
        interval: begun.interval,
        device_code: begun.handle.map(|handle| handle.expose().to_owned()).unwrap_or_default(),
    }))
}
