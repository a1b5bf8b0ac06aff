//! Setting and clearing the session cookie in answers.

use super::{Context, csrf};
use crate::core::Secret;
use http::{HeaderMap, HeaderValue, header::SET_COOKIE};

/// Hands the browser a session's secret, and in `X-CSRF-Token` the token that belongs to it.
pub fn set_session(context: &Context, headers: &mut HeaderMap, secret: &Secret) {
    headers.append(SET_COOKIE, context.entrance.cookie.set(secret));
    if let Ok(token) = HeaderValue::from_str(&csrf::token(secret)) {
        headers.insert(&csrf::X_CSRF_TOKEN, token);
    }
}

/// Makes the browser forget the session.
pub fn clear_session(context: &Context, headers: &mut HeaderMap) {
    headers.append(SET_COOKIE, context.entrance.cookie.clear());
}
