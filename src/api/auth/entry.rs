//! Where a login in a browser ends: on the page that comes next, or on the one that says why there is no session.

use crate::{
    api::{ApiError, Context, Edge},
    store::UserRow,
};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

const ENROLL: &str = "/app/account/security?enrollment=required";
const CHALLENGE: &str = "/app/auth/mfa/challenge";

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
