//! API tokens (`rgw_`) and session secrets (`rgs_`): the prefix, 43 characters of base64url that carry 256 random bits, and a checksum of six.
//!
//! The checksum (CRC-32 of all that precedes it, base 62, most significant digit first) lets secret scanners
//! tell a real token from a look-alike without asking anybody.

use crate::core::Secret;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::Rng as _;
use sha2::{Digest as _, Sha256};

pub const PREFIX: &str = "rgw_";
pub const SESSION_PREFIX: &str = "rgs_";
pub const LINK_PREFIX: &str = "rgl_";
const BODY: usize = 43;
const CHECKSUM: usize = 6;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// SHA-256 of the whole token: all that is stored. The token has 256 random bits, so no slow hash is needed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Makes a new API token.
pub fn generate() -> Secret {
    generate_with(PREFIX)
}

/// Makes the secret of a new session.
pub fn generate_session() -> Secret {
    generate_with(SESSION_PREFIX)
}

/// Makes the secret of a new one-time link.
pub fn generate_link() -> Secret {
    generate_with(LINK_PREFIX)
}

fn generate_with(prefix: &str) -> Secret {
    let mut random = [0u8; 32];
    rand::rng().fill_bytes(&mut random);
    let mut token = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random));
    let sum = checksum(&token);
    token.push_str(&sum);
    Secret::new(token)
}

/// True for text that has the shape of a token and the right checksum. Says nothing about its being valid.
pub fn is_well_formed(text: &str) -> bool {
    has_shape(text, PREFIX)
}

/// The same for a session's secret.
pub fn is_session(text: &str) -> bool {
    has_shape(text, SESSION_PREFIX)
}

/// The same for a link's secret.
pub fn is_link(text: &str) -> bool {
    has_shape(text, LINK_PREFIX)
}

fn has_shape(text: &str, prefix: &str) -> bool {
    if text.len() != prefix.len() + BODY + CHECKSUM || !text.starts_with(prefix) || !text.is_ascii() {
        return false;
    }
    let (signed, sum) = text.split_at(prefix.len() + BODY);
    checksum(signed) == sum
}

fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS.get((rest % 62) as usize).copied().unwrap_or(b'0');
        rest /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::scrub::scrub;

    #[test]
    fn tokens_use_only_characters_that_no_url_encodes() {
        for _ in 0..200 {
            let token = generate();
            let text = token.expose();
            assert_eq!(text.len(), 53);
            assert!(text.starts_with("rgw_"));
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)));
            assert!(is_well_formed(text));
        }
    }

    #[test]
    fn whatever_is_made_here_is_scrubbed_from_texts() {
        for secret in [generate(), generate_session(), generate_link()] {
            assert_eq!(scrub(&format!("exec echo {}", secret.expose())), "exec echo [REDACTED]");
        }
    }

    #[test]
    fn a_changed_or_cut_token_is_not_well_formed() {
        let token = generate();
        let text = token.expose();
        for length in 0..text.len() {
            assert!(!is_well_formed(&text[..length]));
        }
        for index in 4..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            assert!(!is_well_formed(std::str::from_utf8(&changed).unwrap()), "position {index}");
        }
        assert!(!is_well_formed(&format!("{text}=")));
    }

    #[test]
    fn checksum_is_stable() {
        assert_eq!(checksum("rgw_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").len(), 6);
        assert_eq!(checksum("123456789"), "3jZRME"); // CRC-32 0xCBF43926 in base 62
    }
}
