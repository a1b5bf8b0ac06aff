//! A proof of a second factor that comes along with a request: in the headers `X-Mfa-Totp` and
//! `X-MFA-WebAuthn`, or behind the credential as in `rgs_….totp.123456`.

use super::credential;
use crate::core::Secret;
use http::HeaderMap;

#[derive(Clone, Debug)]
pub enum Proof {
    /// Six digits, or a backup code.
    Code(Secret),
    /// Standard base64 of the JSON `{"session_data": …, "assertion_response": …}`.
    WebAuthn(Secret),
}

impl Proof {
    /// From the method's name and its value; `None` for a method that does not exist.
    pub fn named(method: &str, value: &str) -> Option<Self> {
        match method {
            "totp" => Some(Self::Code(Secret::new(value))),
            "webauthn" => Some(Self::WebAuthn(Secret::new(value))),
            _ => None,
        }
    }

    /// What a request brings along: a header, or else the end of its credential.
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let header = |name: &str, method: &str| {
            let value = headers.get(name)?.to_str().ok()?.trim();
            Self::named(method, value).filter(|_| !value.is_empty())
        };
        header("x-mfa-totp", "totp")
            .or_else(|| header("x-mfa-webauthn", "webauthn"))
            .or_else(|| credential::inline_proof(headers))
    }
}
