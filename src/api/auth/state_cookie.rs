//! The cookie that ties a login to the browser in which it began, so that nobody can finish their own login in
//! somebody else's browser.

use super::callback;
use crate::{
    core::Secret,
    identity::{cookie, token::TokenHash},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue};
use rand::Rng as _;
use subtle::ConstantTimeEq as _;

const NAME: &str = "rgw_oauth_state";
/// Seconds; as long as the login may take.
pub const LIFE: u64 = 300;

/// 256 random bits in base64url.
pub fn random() -> Secret {
    let mut bytes = [0u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    Secret::new(URL_SAFE_NO_PAD.encode(bytes))
}

/// What is kept of it.
pub fn mark(secret: &Secret) -> String {
    hex::encode(TokenHash::of(secret.expose()).as_bytes())
}

pub fn set(secret: &Secret, secure: bool) -> HeaderValue {
    header(secret.expose(), LIFE, secure)
}

pub fn clear(secure: bool) -> HeaderValue {
    header("", 0, secure)
}

/// Whether one of the browser's cookies is the one that was set.
pub fn is_here(headers: &HeaderMap, mark: &str) -> bool {
    cookie::all(headers, NAME).any(|value| {
        let found = hex::encode(TokenHash::of(value).as_bytes());
        bool::from(found.as_bytes().ct_eq(mark.as_bytes()))
    })
}

fn header(value: &str, life: u64, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    let path = callback::ROUTE.path;
    let text = format!("{NAME}={value}; Path={path}; Max-Age={life}; HttpOnly; SameSite=Lax{secure}");
    let mut header = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
    header.set_sensitive(true);
    header
}
