//! `POST /api/v1/auth/cli/start`: begins a login that the client polls. A client that makes its own `code_challenge`
//! keeps its verifier to itself; for one that does not, the gateway makes both.

use super::{
    asked::Asked,
    begin::{EXPIRES_IN, begin, confirm_page},
    unstored::Unstored,
};
use crate::{
    api::{Access, ApiError, ApiRoute, Context, Edge, Note},
    identity::cli_login::{Flow, Verifier},
    policy::MfaLevel,
};
use axum::{Extension, extract::State};
use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::Serialize;
use utoipa::ToSchema;

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::POST,
    path: "/api/v1/auth/cli/start",
    access: Access::Public,
    mfa: MfaLevel::None,
    action: "login.start",
};

#[derive(Serialize, ToSchema)]
#[schema(as = StartedCliLogin)]
pub struct Started {
    /// Where the person decides.
    auth_url: String,
    /// With this the client asks.
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code_verifier: Option<String>,
    /// Shown on both sides, so that the person sees that it is their login.
    user_code: String,
    expires_in: u64,
    interval: i64,
}

pub async fn start(
    State(context): State<Context>,
    Extension(edge): Extension<Edge>,
    Extension(note): Extension<Note>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Unstored<Started>, ApiError> {
    let asked = Asked::read(&headers, &body)?;
    let (challenge, verifier) = match asked.challenge()? {
        Some(challenge) => (challenge, None),
        None => {
            let verifier = Verifier::generate();
            (verifier.challenge(), Some(verifier))
        }
    };
    let how = (Flow::Poll, Some(challenge), None);
    let begun = Box::pin(begin(&context, edge, &note, &headers, &asked, how)).await?;
    Ok(Unstored(Started {
        auth_url: confirm_page(&context, &begun),
        code_verifier: verifier.map(|verifier| verifier.expose().to_owned()),
        user_code: begun.user_code.to_string(),
        expires_in: EXPIRES_IN,
        interval: begun.interval,
        state: begun.handle.map(|handle| handle.expose().to_owned()).unwrap_or_default(),
    }))
}
