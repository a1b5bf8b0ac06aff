//! Secrets at rest: sealed with AES-256-GCM under a key of the configuration, each bound to its own row.
//!
//! A sealed value is a version (1 byte), the id of its key (8), a nonce (12), and the ciphertext with its tag (16).
//! Keys come from the configured text by HKDF-SHA-256 (RFC 5869); the id is derived in the same way, tells nothing
//! of the key, and finds the right one among the previous ones.

use super::Secret;
use aes_gcm::{
    Aes256Gcm,
    aead::{Aead as _, KeyInit as _, Payload},
};
use hmac::{Hmac, Mac as _};
use rand::Rng as _;
use sha2::Sha256;
use std::{fmt, sync::Arc};
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const ID: usize = 8;
const NONCE: usize = 12;
const SALT: &[u8] = b"rack-gateway sealed values";

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("the value is not a sealed one")]
    Malformed,
    /// Neither the current key nor a previous one.
    #[error("the value was sealed with a key that is not configured any more")]
    UnknownKey,
    /// Changed, or sealed for another row.
    #[error("the sealed value was changed or belongs elsewhere")]
    Tampered,
    #[error("the value could not be sealed")]
    Failed,
}

/// What a sealed value belongs to; it opens for nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Table and column, as in `mfa_methods.secret`.
    pub kind: &'static str,
    /// The row.
    pub row: &'a [u8],
}

impl Place<'_> {
    fn associated_data(&self) -> Vec<u8> {
        [self.kind.as_bytes(), &[0], self.row].concat()
    }
}

#[derive(Clone)]
struct Key {
    id: [u8; ID],
    cipher: Aes256Gcm,
}

/// The key that seals, and the previous ones that still open. Cheap to clone.
#[derive(Clone)]
pub struct Keys(Arc<[Key]>);

impl Keys {
    pub fn new(current: &Secret, previous: &[Secret]) -> Self {
        Self(std::iter::once(current).chain(previous).map(Key::derive).collect())
    }

    pub fn seal(&self, plain: &[u8], place: Place<'_>) -> Result<Vec<u8>, SealError> {
        let key = self.0.first().ok_or(SealError::Failed)?;
        let mut nonce = [0u8; NONCE];
        rand::rng().fill_bytes(&mut nonce);
        let payload = Payload { msg: plain, aad: &place.associated_data() };
        let body = key.cipher.encrypt(&nonce.into(), payload).map_err(|_| SealError::Failed)?;
        Ok([&[VERSION][..], &key.id, &nonce, &body].concat())
    }

    pub fn open(&self, sealed: &[u8], place: Place<'_>) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let Parts { id, nonce, body } = Parts::of(sealed)?;
        let key = self.0.iter().find(|key| key.id == id).ok_or(SealError::UnknownKey)?;
        let payload = Payload { msg: body, aad: &place.associated_data() };
        key.cipher.decrypt(&nonce.into(), payload).map(Zeroizing::new).map_err(|_| SealError::Tampered)
    }

    /// Whether the value needs no new seal.
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        let Ok(parts) = Parts::of(sealed) else { return false };
        self.0.first().is_some_and(|key| key.id == parts.id)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys([REDACTED]; {})", self.0.len())
    }
}

impl Key {
    fn derive(secret: &Secret) -> Self {
        let extracted = mac(SALT, &[secret.expose().as_bytes()]);
        let key = Zeroizing::new(mac(&extracted, &[b"aes-256-gcm", &[1]]));
        let name = mac(&extracted, &[b"key id", &[1]]);
        let mut id = [0; ID];
        id.iter_mut().zip(name).for_each(|(to, from)| *to = from);
        Self { id, cipher: Aes256Gcm::new(&(*key).into()) }
    }
}

/// HMAC-SHA-256: both steps of HKDF for outputs of one block.
fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).expect("a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

struct Parts<'a> {
    id: [u8; ID],
    nonce: [u8; NONCE],
    body: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(sealed: &'a [u8]) -> Result<Self, SealError> {
        let rest = sealed.strip_prefix(&[VERSION]).ok_or(SealError::Malformed)?;
        let (id, rest) = rest.split_first_chunk().ok_or(SealError::Malformed)?;
        let (nonce, body) = rest.split_first_chunk().ok_or(SealError::Malformed)?;
        Ok(Self { id: *id, nonce: *nonce, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: Place<'static> = Place { kind: "mfa_methods.secret", row: b"one" };

    fn keys(current: &str, previous: &[&str]) -> Keys {
        let previous: Vec<_> = previous.iter().map(|text| Secret::new(*text)).collect();
        Keys::new(&Secret::new(current), &previous)
    }

    #[test]
    fn opens_what_it_sealed_and_never_seals_alike() {
        let keys = keys("first", &[]);
        let (one, two) = (keys.seal(b"secret", ROW).unwrap(), keys.seal(b"secret", ROW).unwrap());
        assert_ne!(one, two);
        assert!(!one.windows(6).any(|part| part == b"secret"));
        assert_eq!(&**keys.open(&one, ROW).unwrap(), b"secret");
        assert_eq!(&**keys.open(&two, ROW).unwrap(), b"secret");
    }

    #[test]
    fn a_value_moved_to_another_row_or_column_stays_shut() {
        let keys = keys("first", &[]);
        let sealed = keys.seal(b"secret", ROW).unwrap();
        for place in [
            Place { kind: "mfa_methods.secret", row: b"two" },
            Place { kind: "mfa_methods.label", row: b"one" },
            Place { kind: "mfa_methods.secre", row: b"t\0one" },
        ] {
            assert_eq!(keys.open(&sealed, place).unwrap_err(), SealError::Tampered, "{place:?}");
        }
    }

    #[test]
    fn every_changed_or_missing_byte_is_noticed() {
        let keys = keys("first", &[]);
        let sealed = keys.seal(b"secret", ROW).unwrap();
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(keys.open(&changed, ROW).is_err(), "byte {index}");
            assert!(keys.open(&sealed[..index], ROW).is_err(), "cut at {index}");
        }
        assert_eq!(keys.open(b"", ROW).unwrap_err(), SealError::Malformed);
    }

    #[test]
    fn a_previous_key_opens_until_it_is_dropped() {
        let old = keys("first", &[]).seal(b"secret", ROW).unwrap();
        let both = keys("second", &["zeroth", "first"]);
        assert_eq!(&**both.open(&old, ROW).unwrap(), b"secret");
        assert!(!both.is_current(&old));
        let new = both.seal(b"secret", ROW).unwrap();
        assert!(both.is_current(&new));
        let alone = keys("second", &[]);
        assert_eq!(&**alone.open(&new, ROW).unwrap(), b"secret");
        assert_eq!(alone.open(&old, ROW).unwrap_err(), SealError::UnknownKey);
    }

    #[test]
    fn says_nothing_of_its_keys() {
        assert_eq!(format!("{:?}", keys("first", &["second"])), "Keys([REDACTED]; 2)");
    }
}
