//! The end of every login in a browser: a session under a new secret, its cookie, and where to go. And the page that
//! says why there is none.

use crate::{
    api::{ApiError, Context, Edge},
    core::Secret,
    identity::{
        Channel,
        session::{Device, NewSession},
    },
    store::UserRow,
};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

const ENROLL: &str = "/app/account/security?enrollment=required";
const CHALLENGE: &str = "/app/auth/mfa/challenge";

/// Begins a session. What the browser sent along as a session is not looked at, let alone taken over.
pub async fn open(
    context: &Context,
    user: &UserRow,
    method: String,
    edge: Edge,
    headers: &HeaderMap,
) -> Result<Secret, ApiError> {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let new = NewSession {
        user: user.id,
        channel: Channel::Web,
        method,
        step_up: None,
        device: Device::default(),
        ip: edge.ip,
        user_agent: agent.to_owned(),
    };
    let (secret, _) = context.sessions.open(new).await?;
    Ok(secret)
}

/// Where somebody goes who has just logged in at a provider: to their page, or first to their second factor.
pub async fn next_page(
    context: &Context,
    user: &UserRow,
    return_to: &str,
    headers: &HeaderMap,
) -> Result<String, ApiError> {
    if user.mfa_enrolled_at.is_none() {
        let page = if context.step_up.policy().required_for_all { ENROLL } else { return_to };
        return Ok(page.to_owned());
    }
    let trusted = context.mfa.is_trusted_browser(user.id, headers, context.clock.now()).await;
    if trusted.map_err(|_| ApiError::internal())? {
        return Ok(return_to.to_owned());
    }
    Ok(format!("{CHALLENGE}?redirect={}", encoded(return_to)))
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The page that explains; `code` is one of our own words.
pub fn error_page(code: &'static str, edge: Edge) -> Response {
    redirect(&format!("/app/auth/error?code={code}&request_id={}", edge.request_id))
}

/// `to` is a path of ours, or an address that we made.
pub fn redirect(to: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(to) else { return ApiError::internal().into_response() };
    let mut response = StatusCode::FOUND.into_response();
    response.headers_mut().insert(header::LOCATION, location);
    response
}
