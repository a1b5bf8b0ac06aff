//! Calls that a browser makes on somebody else's behalf. A cookie comes along with whatever page makes the call, so
//! an unsafe call by cookie must show that our own page made it.

use super::ApiError;
use crate::core::Secret;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{
    HeaderMap, HeaderName, StatusCode,
    header::{CONTENT_TYPE, ORIGIN, UPGRADE},
};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

pub static X_CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");
static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
static SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// base64url(HMAC-SHA256(key = the session's secret, "csrf")). Changes with the secret.
pub fn token(session: &Secret) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(session.expose().as_bytes()) else {
        return String::new(); // HMAC takes keys of every length.
    };
    mac.update(b"csrf");
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

/// An unsafe call by cookie: from our own page, with the token of this session, and a body that no form can send.
pub(super) fn check(headers: &HeaderMap, session: &Secret) -> Result<(), ApiError> {
    same_site(headers)?;
    let shown = headers.get(&X_CSRF_TOKEN).map(|value| value.as_bytes()).unwrap_or_default();
    let expected = token(session);
    if expected.is_empty() || !bool::from(expected.as_bytes().ct_eq(shown)) {
        return Err(refused(
            "the header X-CSRF-Token is missing or not that of this session; load the page again",
        ));
    }
    match headers.get(CONTENT_TYPE).map(|value| value.as_bytes()) {
        None => Ok(()),
        Some(kind) if is_json(kind) => Ok(()),
        Some(_) => Err(refused("the body must be application/json")),
    }
}

/// Whatever a foreign page makes a browser send is refused, where the browser tells.
pub(super) fn same_site(headers: &HeaderMap) -> Result<(), ApiError> {
    let site = headers.get(&SEC_FETCH_SITE).map_or(&b"none"[..], |value| value.as_bytes());
    match site {
        b"same-origin" | b"none" => Ok(()),
        _ => Err(refused("the call was made by a page of another site")),
    }
}

/// What a page of another site embeds is refused, where the browser tells: images, scripts, frames, fetches. Who
/// goes from there to an address of ours, as everybody does who comes back from a provider, is let through. For
/// calls without a credential, which cost their address some of its budget.
///
/// `Sec-Fetch-Site` and `Sec-Fetch-Dest`: <https://www.w3.org/TR/fetch-metadata/>.
pub(super) fn not_embedded(headers: &HeaderMap) -> Result<(), ApiError> {
    let is_foreign = headers.get(&SEC_FETCH_SITE).is_some_and(|site| site.as_bytes() == b"cross-site");
    let is_page = headers.get(&SEC_FETCH_DEST).is_none_or(|dest| dest.as_bytes() == b"document");
    if is_foreign && !is_page {
        return Err(refused("the call was made from inside a page of another site"));
    }
    Ok(())
}

/// A websocket by cookie must come from our own page; browsers say in `Origin` whose page it is.
pub(super) fn websocket_origin(headers: &HeaderMap, own: &str) -> Result<(), ApiError> {
    let is_websocket =
        headers.get_all(UPGRADE).iter().any(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let mut origins = headers.get_all(ORIGIN).iter();
    let is_own =
        origins.next().is_some_and(|origin| origin.as_bytes() == own.as_bytes()) && origins.next().is_none();
    if is_websocket && !is_own {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "origin",
            "the Origin of a websocket must be the gateway's own address",
        ));
    }
    Ok(())
}

fn is_json(content_type: &[u8]) -> bool {
    let kind = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

fn refused(message: &'static str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "csrf", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::token::generate_session;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn the_token_belongs_to_one_session() {
        let (mine, other) = (generate_session(), generate_session());
        let (token_of_mine, token_of_other) = (token(&mine), token(&other));
        assert_eq!(token_of_mine.len(), 43);
        let with = |token: &str| headers(&[("x-csrf-token", token), ("content-type", "application/json")]);
        assert!(check(&with(&token_of_mine), &mine).is_ok());
        assert!(check(&with(&token_of_other), &mine).is_err());
        assert!(check(&with(&token_of_mine[..42]), &mine).is_err());
        assert!(check(&with(""), &mine).is_err());
        assert!(check(&headers(&[]), &mine).is_err());
    }

    #[test]
    fn only_json_and_only_our_own_pages() {
        let session = generate_session();
        let token = token(&session);
        for (kind, fits) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("text/plain; application/json", false),
        ] {
            let sent = headers(&[("x-csrf-token", &token), ("content-type", kind)]);
            assert_eq!(check(&sent, &session).is_ok(), fits, "{kind}");
        }
        for (site, fits) in
            [("same-origin", true), ("none", true), ("same-site", false), ("cross-site", false), ("", false)]
        {
            let sent = headers(&[("x-csrf-token", &token), ("sec-fetch-site", site)]);
            assert_eq!(check(&sent, &session).is_ok(), fits, "{site}");
        }
    }

    #[test]
    fn other_sites_lead_here_and_embed_nothing() {
        for (site, dest, fits) in [
            (Some("cross-site"), Some("document"), true),
            (Some("cross-site"), None, true),
            (Some("cross-site"), Some("image"), false),
            (Some("cross-site"), Some("script"), false),
            (Some("cross-site"), Some("iframe"), false),
            (Some("cross-site"), Some("empty"), false),
            (Some("cross-site"), Some(""), false),
            (Some("cross-site"), Some("documents"), false),
            (Some("same-origin"), Some("empty"), true),
            (Some("none"), Some("document"), true),
            (None, Some("image"), true),
            (None, None, true),
        ] {
            let named = [("sec-fetch-site", site), ("sec-fetch-dest", dest)];
            let sent: Vec<_> = named.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            assert_eq!(not_embedded(&headers(&sent)).is_ok(), fits, "{site:?} {dest:?}");
        }
    }

    #[test]
    fn websockets_name_their_page() {
        let own = "https://gateway.example.com";
        for (origin, fits) in [
            (Some(own), true),
            (None, false),
            (Some("null"), false),
            (Some("https://evil.example"), false),
            (Some("https://gateway.example.com.evil.example"), false),
            (Some("https://x.gateway.example.com"), false),
            (Some("http://gateway.example.com"), false),
        ] {
            let mut sent = headers(&[("upgrade", "WebSocket")]);
            if let Some(origin) = origin {
                sent.insert(ORIGIN, origin.parse().unwrap());
            }
            assert_eq!(websocket_origin(&sent, own).is_ok(), fits, "{origin:?}");
        }
        assert!(websocket_origin(&headers(&[("origin", "null")]), own).is_ok(), "no websocket");
    }
}
