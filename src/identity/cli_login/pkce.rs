//! PKCE (RFC 7636), method S256 only.

use crate::core::Secret;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// SHA-256 of a verifier, in base64url: 43 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge(String);

/// What only the client that began the login knows.
#[derive(Clone, Debug)]
pub struct Verifier(Secret);

impl Challenge {
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == 32).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares in constant time.
    pub fn is_of(&self, verifier: &Verifier) -> bool {
        self.0.as_bytes().ct_eq(verifier.challenge().0.as_bytes()).into()
    }
}

impl Verifier {
    pub fn generate() -> Self {
        Self(super::random::<64>())
    }

    /// 43 to 128 of the characters that no URL encodes.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (43..=128).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
        fits.then(|| Self(Secret::new(text)))
    }

    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    pub fn challenge(&self) -> Challenge {
        Challenge(URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.expose().as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard() {
        let verifier = Verifier::parse("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
        let challenge = Challenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap();
        assert_eq!(verifier.challenge(), challenge);
        assert!(challenge.is_of(&verifier));
        assert!(!challenge.is_of(&Verifier::generate()));
    }

    #[test]
    fn what_cannot_be_one() {
        for text in ["", "short", &"a".repeat(42), &"a".repeat(44), &"=".repeat(43), &"é".repeat(22)] {
            assert_eq!(Challenge::parse(text), None, "{text}");
        }
        for text in ["", &"a".repeat(42), &"a".repeat(129), &format!("{} ", "a".repeat(50))] {
            assert!(Verifier::parse(text).is_none(), "{text}");
        }
        assert!(Verifier::parse(Verifier::generate().expose()).is_some());
    }
}
