//! Reading the `Authorization` header. The stock `convox` CLI sends Basic with any user name and the token as
//! password, still percent-encoded as it stood in `RACK_URL`; CI and scripts send Bearer.

use super::{
    Proof,
    token::{self, TokenHash},
};
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
    /// What the `Authorization` header holds.
    pub fn read(headers: &HeaderMap) -> Self {
        let text = match Carried::read(headers) {
            Ok(Some(text)) => text,
            Ok(None) => return Self::Nothing,
            Err(why) => return Self::Unusable(why),
        };
        Self::from_text(text.as_str())
    }

    /// A token, or a session's secret.
    fn from_text(text: &str) -> Self {
        if let Some(known) = Self::exactly(text) {
            return known;
        }
        let decoded = percent_decode_str(text).decode_utf8_lossy();
        // A proof of a second factor may stand behind the secret.
        let secret = split_proof(&decoded).map_or(&*decoded, |(secret, ..)| secret);
        let known = Self::exactly(secret);
        known.unwrap_or(Self::Unusable(
            "the credential is not an API token of this gateway; tokens begin with rgw_",
        ))
    }

    fn exactly(text: &str) -> Option<Self> {
        if token::is_well_formed(text) {
            return Some(Self::Token(TokenHash::of(text)));
        }
        token::is_session(text).then(|| Self::Session(TokenHash::of(text)))
    }

    /// A session's secret from a cookie.
    pub(super) fn from_cookie(secret: &str) -> Self {
        match token::is_session(secret) {
            true => Self::Session(TokenHash::of(secret)),
            false => Self::Unusable("the session cookie is not one of this gateway"),
        }
    }
}

/// The credential's text: as it stands in the header, or decoded from Basic.
enum Carried<'a> {
    Bearer(&'a str),
    Basic(String),
}

impl<'a> Carried<'a> {
    fn as_str(&self) -> &str {
        match self {
            Self::Bearer(text) => text,
            Self::Basic(pair) => pair.split_once(':').map_or("", |(_user, password)| password),
        }
    }

    fn read(headers: &'a HeaderMap) -> Result<Option<Self>, &'static str> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err("send one Authorization header, not several");
        }
        if value.len() > LIMIT {
            return Err("the Authorization header is too long");
        }
        let text = value.to_str().map_err(|_| "the Authorization header has characters outside ASCII")?;
        let (scheme, rest) = text
            .split_once(' ')
            .ok_or("the Authorization header needs a scheme, Basic or Bearer, and a credential")?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return Ok(Some(Self::Bearer(rest.trim())));
        }
        if scheme.eq_ignore_ascii_case("basic") {
            return Self::basic(rest.trim()).map(Some);
        }
        Err("the Authorization scheme must be Basic or Bearer")
    }

    fn basic(encoded: &str) -> Result<Self, &'static str> {
        let decoded = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let pair = decoded.ok_or("the Basic credential is not base64 of user:password")?;
        match pair.contains(':') {
            true => Ok(Self::Basic(pair)),
            false => Err("the Basic credential has no colon between user and password"),
        }
    }
}

/// Secret, method and value of `rgs_….totp.123456`.
fn split_proof(text: &str) -> Option<(&str, &str, &str)> {
    let (secret, rest) = text.split_once('.')?;
    let (method, value) = rest.split_once('.')?;
    token::is_session(secret).then_some((secret, method, value))
}

/// The proof behind the credential of a request.
pub(super) fn inline_proof(headers: &HeaderMap) -> Option<Proof> {
    let carried = Carried::read(headers).ok()??;
    let decoded = percent_decode_str(carried.as_str()).decode_utf8_lossy();
    let (_, method, value) = split_proof(&decoded)?;
    Proof::named(method, value)
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
    fn a_proof_may_stand_behind_a_sessions_secret() {
        let session = token::generate_session();
        let expected = Presented::Session(TokenHash::of(session.expose()));
        let inline = format!("{}.totp.123456", session.expose());
        for value in [
            format!("Bearer {inline}"),
            basic("convox", &inline),
            basic("convox", &inline.replace('.', "%2E")),
        ] {
            assert_eq!(read(&value), expected);
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
            let Some(Proof::Code(code)) = Proof::read(&headers) else { panic!("{value}") };
            assert_eq!(code.expose(), "123456");
        }
        let passkey = format!("Bearer {}.webauthn.eyJhIjoxfQ==", session.expose());
        let headers = HeaderMap::from_iter([(AUTHORIZATION, passkey.parse().unwrap())]);
        assert!(
            matches!(Proof::read(&headers), Some(Proof::WebAuthn(value)) if value.expose() == "eyJhIjoxfQ==")
        );
        let token = format!("Bearer {}.totp.123456", token::generate().expose());
        assert!(matches!(read(&token), Presented::Unusable(_)), "tokens need no factor");
    }

    #[test]
    fn no_beginning_of_a_sessions_secret_is_one() {
        let session = token::generate_session();
        let text = session.expose();
        for length in 0..text.len() {
            assert!(
                matches!(read(&format!("Bearer {}", &text[..length])), Presented::Unusable(_)),
                "{length}"
            );
            assert!(matches!(Presented::from_cookie(&text[..length]), Presented::Unusable(_)), "{length}");
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
