//! Signed statements: JWS in its compact form (RFC 7515) with Ed25519 (RFC 8037), of claims as JWT has them (RFC 7519).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Signer as _, SigningKey};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{fmt, sync::Arc};

/// One key, and the one header that it writes and accepts: there is no algorithm and no key to choose.
#[derive(Clone)]
pub struct Jws {
    key: Arc<SigningKey>,
    /// In base64url, as it stands in every statement.
    header: Arc<str>,
}

impl fmt::Debug for Jws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jws([REDACTED])")
    }
}

impl Jws {
    /// For who reads what they have signed themselves: the header names no key.
    pub fn private(seed: &[u8; 32]) -> Self {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","typ":"JWT"}"#);
        Self { key: Arc::new(SigningKey::from_bytes(seed)), header: header.into() }
    }

    /// For others, who find the key by its name in [`Jws::key_set`].
    pub fn published(seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": thumbprint(&key)}).to_string();
        Self { key: Arc::new(key), header: URL_SAFE_NO_PAD.encode(header).into() }
    }

    /// `claims` is a struct or an object of JSON.
    pub fn sign(&self, claims: &impl Serialize) -> String {
        // Structs of texts and numbers always have a form in JSON.
        let claims = serde_json::to_vec(claims).unwrap_or_default();
        let signed = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims));
        let signature = self.key.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }

    /// The claims, whatever time they name; `None` for what this key did not sign under this header.
    pub fn open<T: DeserializeOwned>(&self, statement: &str) -> Option<T> {
        let (signed, signature) = statement.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        if header != &*self.header {
            return None;
        }
        let signature: [u8; 64] = URL_SAFE_NO_PAD.decode(signature).ok()?.try_into().ok()?;
        self.key.verifying_key().verify_strict(signed.as_bytes(), &Signature::from_bytes(&signature)).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }

    /// The public key as a set (RFC 7517).
    pub fn key_set(&self) -> Value {
        let (x, kid) = (public(&self.key), thumbprint(&self.key));
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "use": "sig", "alg": "EdDSA"}]})
    }
}

/// A seed for one purpose, of a secret that serves several. All replicas make the same of the same secret.
pub fn seed_for(purpose: &str, secret: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(purpose).chain_update(secret).finalize().into()
}

fn public(key: &SigningKey) -> String {
    URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes())
}

/// RFC 7638, for the required members of an OKP key.
fn thumbprint(key: &SigningKey) -> String {
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, public(key));
    URL_SAFE_NO_PAD.encode(Sha256::digest(members))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(part: &str) -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    /// The key and its thumbprint of RFC 8037, appendix A.
    #[test]
    fn the_key_is_named_as_rfc_8037_has_it() {
        let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let key = &Jws::published(&seed.try_into().unwrap()).key_set()["keys"][0];
        assert_eq!(key["kid"], "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(key["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    }

    #[test]
    fn the_published_key_verifies_in_another_library() {
        let jws = Jws::published(&[7; 32]);
        let statement = jws.sign(&json!({"sub": "ada"}));
        let parts: Vec<_> = statement.split('.').collect();
        assert_eq!(
            read(parts[0]),
            json!({"alg": "EdDSA", "typ": "JWT", "kid": jws.key_set()["keys"][0]["kid"]})
        );
        assert_eq!(read(parts[1]), json!({"sub": "ada"}));
        let x = URL_SAFE_NO_PAD.decode(jws.key_set()["keys"][0]["x"].as_str().unwrap()).unwrap();
        let key = aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ED25519, x);
        let signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
        key.verify(format!("{}.{}", parts[0], parts[1]).as_bytes(), &signature).unwrap();
    }

    #[test]
    fn nothing_but_its_own_is_opened() {
        let jws = Jws::private(&[7; 32]);
        let statement = jws.sign(&json!(1));
        assert_eq!(jws.open::<i64>(&statement), Some(1));
        assert_eq!(jws.open::<String>(&statement), None, "claims of another shape");
        assert_eq!(Jws::private(&[8; 32]).open::<i64>(&statement), None, "another key");
        assert_eq!(Jws::published(&[7; 32]).open::<i64>(&statement), None, "another header");
        for end in 0..statement.len() {
            assert_eq!(jws.open::<i64>(&statement[..end]), None, "a prefix of {end}");
        }
        assert_eq!(jws.open::<i64>(&format!("{statement}=")), None, "one form only");
    }

    #[test]
    fn a_seed_for_each_purpose_and_secret() {
        let seed = seed_for("tickets", b"a");
        assert_eq!(seed, seed_for("tickets", b"a"));
        assert!(seed != seed_for("tickets", b"b") && seed != seed_for("identity", b"a"));
    }

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", Jws::private(&[7; 32])), "Jws([REDACTED])");
    }
}
