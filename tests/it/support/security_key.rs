//! A security key in software that can be told to lie: every field of what it signs can be set.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rcgen::{KeyPair, PublicKeyData as _, SigningKey as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub const PRESENT: u8 = 1;
pub const VERIFIED: u8 = 4;
const ATTESTED: u8 = 0x40;

/// What the key says about itself and the website.
#[derive(Clone, Debug)]
pub struct Claims {
    pub flags: u8,
    pub counter: u32,
    pub origin: String,
    pub rp_id: String,
    pub kind: &'static str,
    pub user_handle: Option<Vec<u8>>,
}

pub struct SecurityKey {
    pair: KeyPair,
    pub id: Vec<u8>,
    pub claims: Claims,
}

impl SecurityKey {
    pub fn new(origin: &str, rp_id: &str) -> Self {
        let pair = KeyPair::generate().unwrap();
        let id = Sha256::digest(pair.der_bytes())[..16].to_vec();
        let claims = Claims {
            flags: PRESENT | VERIFIED,
            counter: 1,
            origin: origin.to_owned(),
            rp_id: rp_id.to_owned(),
            kind: "webauthn.get",
            user_handle: None,
        };
        Self { pair, id, claims }
    }

    /// The answer to creation options.
    pub fn register(&self, options: &Value) -> Value {
        let mut data = self.authenticator_data(self.claims.flags | ATTESTED);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        data.extend(self.cose_key());
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).unwrap());
        object.extend(data);
        let client = self.client_data("webauthn.create", options);
        json!({
            "id": encode(&self.id), "rawId": encode(&self.id), "type": "public-key",
            "response": { "attestationObject": encode(&object), "clientDataJSON": encode(&client) },
        })
    }

    /// The answer to request options.
    pub fn answer(&self, options: &Value) -> Value {
        let data = self.authenticator_data(self.claims.flags);
        let client = self.client_data(self.claims.kind, options);
        let signature = self.pair.sign(&[&data[..], &Sha256::digest(&client)].concat()).unwrap();
        json!({
            "id": encode(&self.id), "rawId": encode(&self.id), "type": "public-key",
            "response": {
                "authenticatorData": encode(&data),
                "clientDataJSON": encode(&client),
                "signature": encode(&signature),
                "userHandle": self.claims.user_handle.as_deref().map(encode),
            },
        })
    }

    fn authenticator_data(&self, flags: u8) -> Vec<u8> {
        let site: [u8; 32] = Sha256::digest(&self.claims.rp_id).into();
        [&site[..], &[flags], &self.claims.counter.to_be_bytes()].concat()
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let data = json!({
            "type": kind, "challenge": options["challenge"], "origin": self.claims.origin, "crossOrigin": false,
        });
        serde_json::to_vec(&data).unwrap()
    }

    /// ES256 (RFC 9053), in CBOR.
    fn cose_key(&self) -> Vec<u8> {
        let point = self.pair.der_bytes();
        let (x, y) = (&point[1..33], &point[33..65]);
        [&b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20"[..], x, &b"\x22\x58\x20"[..], y].concat()
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
