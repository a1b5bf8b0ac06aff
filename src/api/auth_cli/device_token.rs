//! `POST /api/v1/auth/device/token`: whether the person has decided (RFC 8628, 3.4), and then the session, once.

use super::{
    answer::{self, LoggedIn},
    asked::Asked,
    logins, oauth,
    unstored::Unstored,
};
use crate::{
    api::{Access, ApiError, ApiRoute, Context, Edge, Note},
    identity::{
        cli_login::{Flow, Progress},
        session::Device,
    },
    policy::MfaLevel,
};
use axum::{
    Extension,
    extract::State,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::Serialize;
use utoipa::ToSchema;

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/device/token",
    access: Access::PublicPoll,
    mfa: MfaLevel::None,
    action: "login.complete",
};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What the standard calls the session, besides what we call it.
#[derive(Serialize, ToSchema)]
#[schema(as = DeviceToken)]
pub struct Issued {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    #[serde(flatten)]
    session: LoggedIn,
}

pub async fn ask(
    State(context): State<Context>,
    Extension(edge): Extension<Edge>,
    Extension(note): Extension<Note>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let asked = Asked::read(&headers, &body)?;
    if asked.optional("grant_type")?.is_some_and(|grant| grant != GRANT) {
        return Ok(oauth::unsupported(edge));
    }
    let code = asked.required("device_code")?;
    let verifier = asked.verifier()?;
    let granted =
        match logins(&context).poll(Flow::Device, code, verifier.as_ref(), context.clock.now()).await {
            Ok(Progress::Granted(granted)) => granted,
            Ok(Progress::Pending) => return Ok(oauth::pending(edge)),
            Err(error) => return Ok(oauth::refused(error, edge, &note)),
        };
    let session = Box::pin(answer::open(&context, edge, &note, &headers, granted, Device::default())).await?;
    Ok(Unstored(Issued {
        access_token: session.token().to_owned(),
        token_type: "Bearer",
        expires_in: session.lifetime(),
        session,
    })
    .into_response())
}
