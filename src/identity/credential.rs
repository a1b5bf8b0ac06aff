//! Reading the `Authorization` header. The stock `convox` CLI sends Basic with any user name and the token as
//! password, still percent-encoded as it stood in `RACK_URL`; CI and scripts send Bearer.

use super::token::{self, TokenHash};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, header::AUTHORIZATION};
use percent_encoding::percent_decode_str;

/// What the caller showed. Only hashes leave this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented {
    Nothing,
    /// A well-formed token.
    Token(TokenHash),
    /// A well-formed session secret.
    Session(TokenHash),
    /// Something that cannot be a credential of ours; the text says what is wrong and never quotes it.
    Unusable(&'static str),
}

/// Longest header value that is looked at.
const LIMIT: usize = 8 * 1024;

impl Presented {
    pub fn read(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Self::Nothing };
        if values.next().is_some() {
            return Self::Unusable("send one Authorization header, not several");
        }
        if value.len() > LIMIT {
            return Self::Unusable("the Authorization header is too long");
        }
        let Ok(text) = value.to_str() else {
            return Self::Unusable("the Authorization header has characters outside ASCII");
        };
        let Some((scheme, rest)) = text.split_once(' ') else {
            return Self::Unusable(
                "the Authorization header needs a scheme, Basic or Bearer, and a credential",
            );
        };
        if scheme.eq_ignore_ascii_case("bearer") {
            return Self::from_token(rest.trim());
        }
        if scheme.eq_ignore_ascii_case("basic") {
            return Self::from_basic(rest.trim());
        }
        Self::Unusable("the Authorization scheme must be Basic or Bearer")
    }

    fn from_basic(encoded: &str) -> Self {
        let decoded = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let Some(pair) = decoded else {
            return Self::Unusable("the Basic credential is not base64 of user:password");
        };
        let Some((_user, password)) = pair.split_once(':') else {
            return Self::Unusable("the Basic credential has no colon between user and password");
        };
        Self::from_token(password)
    }

    fn from_token(text: &str) -> Self {
        let decoded = percent_decode_str(text).decode_utf8_lossy();
        for text in [text, &*decoded] {
            if token::is_well_formed(text) {
                return Self::Token(TokenHash::of(text));
            }
            if token::is_session(text) {
                return Self::Session(TokenHash::of(text));
            }
        }
        Self::Unusable("the credential is not an API token of this gateway; tokens begin with rgw_")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn read(value: &str) -> Presented {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        Presented::read(&headers)
    }

    fn basic(user: &str, password: &str) -> String {
        format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
    }

    #[test]
    fn basic_and_bearer_carry_a_token() {
        let token = token::generate();
        let expected = Presented::Token(TokenHash::of(token.expose()));
        assert_eq!(read(&basic("convox", token.expose())), expected);
        assert_eq!(read(&basic("", token.expose())), expected);
        assert_eq!(read(&format!("Bearer {}", token.expose())), expected);
        assert_eq!(read(&format!("bearer {}", token.expose())), expected);
    }

    #[test]
    fn a_percent_encoded_password_counts_as_its_decoded_form() {
        let token = token::generate();
        let encoded = token.expose().replace('_', "%5F").replace('-', "%2D");
        assert_eq!(read(&basic("convox", &encoded)), Presented::Token(TokenHash::of(token.expose())));
    }

    #[test]
    fn nothing_and_nonsense_differ() {
        assert_eq!(Presented::read(&HeaderMap::new()), Presented::Nothing);
        for value in
            ["Basic", "Basic ???", "Digest x", "Bearer ", "Bearer rgw_short", &basic("a", "b"), "Basic Og=="]
        {
            assert!(matches!(read(value), Presented::Unusable(_)), "{value}");
        }
    }

    #[test]
    fn two_headers_are_refused() {
        let mut headers = HeaderMap::new();
        for _ in 0..2 {
            let value = format!("Bearer {}", token::generate().expose());
            headers.append(AUTHORIZATION, HeaderValue::from_str(&value).unwrap());
        }
        assert!(matches!(Presented::read(&headers), Presented::Unusable(_)));
    }
}
