//! The signed statement of who calls. Services verify it with the public key under `/.well-known/jwks.json`, so they
//! need not trust whoever reaches their port.

use crate::{
    core::{PublicUrl, RequestId, SharedClock},
    gateway::Body,
    identity::Principal,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey};
use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE},
};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::{fmt, sync::Arc};

/// Seconds.
const LIFETIME: i64 = 60;

/// RFC 7519. Times are seconds.
#[derive(Serialize)]
struct Claims<'a> {
    /// The gateway's public address.
    iss: &'a str,
    /// The user's id, which stays when the address changes.
    sub: String,
    /// The slug of the service that is called.
    aud: &'a str,
    iat: i64,
    exp: i64,
    /// The request's id.
    jti: String,
    email: &'a str,
    name: &'a str,
    /// The name of the API token; absent for a person's session.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

#[derive(Clone)]
pub struct ServiceIdentity {
    key: Arc<SigningKey>,
    /// Base64url of the header, the same for every statement.
    header: Arc<str>,
    jwks: Arc<str>,
    issuer: PublicUrl,
    clock: SharedClock,
}

impl fmt::Debug for ServiceIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceIdentity([REDACTED])")
    }
}

impl ServiceIdentity {
    /// All replicas must be given the same seed: any of them may be asked for the public key.
    pub fn new(seed: &[u8], issuer: PublicUrl, clock: SharedClock) -> Self {
        let seed = Sha256::new().chain_update(b"rack-gateway service identity").chain_update(seed).finalize();
        let key = SigningKey::from_bytes(&seed.into());
        let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
        // RFC 7638, for the required members of an OKP key.
        let thumbprint = Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#));
        let kid = URL_SAFE_NO_PAD.encode(thumbprint);
        let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": kid }).to_string();
        let jwks = json!({
            "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "use": "sig", "alg": "EdDSA" }],
        });
        Self {
            key: Arc::new(key),
            header: URL_SAFE_NO_PAD.encode(header).into(),
            jwks: jwks.to_string().into(),
            issuer,
            clock,
        }
    }

    /// For this service and the next minute.
    pub fn statement(&self, principal: &Principal, slug: &str, request_id: RequestId) -> String {
        let iat = self.clock.now().as_micros() / 1_000_000;
        let claims = Claims {
            iss: self.issuer.origin(),
            sub: principal.user.id.to_string(),
            aud: slug,
            iat,
            exp: iat + LIFETIME,
            jti: request_id.to_string(),
            email: &principal.user.email,
            name: &principal.user.name,
            token: principal.token().map(|token| &*token.name),
        };
        // A plain struct of texts and numbers always has a form in JSON.
        let claims = serde_json::to_vec(&claims).unwrap_or_default();
        let signed = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims));
        let signature = self.key.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }

    /// `/.well-known/jwks.json`: RFC 7517. Public.
    pub fn keys(&self, method: &Method) -> Response<Body> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut refused = Response::new(Body::Empty);
            *refused.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        let mut response = Response::new(Body::whole(self.jwks.to_string()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::{
            Timestamp,
            clock::FixedClock,
            id::{TokenId, UserId},
        },
        identity::{TokenIdentity, UserIdentity, Via},
        policy::Rights,
    };
    use ed25519_dalek::{Signature, VerifyingKey};

    fn identity(seed: &[u8]) -> ServiceIdentity {
        let clock = FixedClock::at(Timestamp::from_micros(1_700_000_000_000_000));
        ServiceIdentity::new(seed, PublicUrl::parse("https://gateway.example.com").unwrap(), clock)
    }

    fn jwk(identity: &ServiceIdentity) -> serde_json::Value {
        serde_json::from_str::<serde_json::Value>(&identity.jwks).unwrap()["keys"][0].clone()
    }

    #[test]
    fn the_published_key_verifies_what_is_signed() {
        let identity = identity(b"seed");
        let now = Timestamp::from_micros(1);
        let user = UserIdentity {
            id: UserId::new(now),
            email: "ada@example.com".into(),
            name: "Ada".to_owned(),
            mfa_enrolled: false,
        };
        let via = Via::Token(Arc::new(TokenIdentity { id: TokenId::new(now), name: "laptop".into() }));
        let principal = Principal { user: Arc::new(user), via, rights: Rights::of_user([].into()) };
        let statement = identity.statement(&principal, "billing", RequestId::new(Timestamp::from_micros(1)));
        let parts: Vec<_> = statement.split('.').collect();
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
        let jwk = jwk(&identity);
        let x: [u8; 32] = decoded(jwk["x"].as_str().unwrap()).try_into().unwrap();
        let signature = Signature::from_slice(&decoded(parts[2])).unwrap();
        let signed = format!("{}.{}", parts[0], parts[1]);
        VerifyingKey::from_bytes(&x).unwrap().verify_strict(signed.as_bytes(), &signature).unwrap();
        let header: serde_json::Value = serde_json::from_slice(&decoded(parts[0])).unwrap();
        assert_eq!((&header["alg"], &header["kid"]), (&json!("EdDSA"), &jwk["kid"]));
        let claims: serde_json::Value = serde_json::from_slice(&decoded(parts[1])).unwrap();
        assert_eq!((&claims["aud"], &claims["email"]), (&json!("billing"), &json!("ada@example.com")));
        assert_eq!(
            (&claims["iss"], &claims["token"]),
            (&json!("https://gateway.example.com"), &json!("laptop"))
        );
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
    }

    #[test]
    fn replicas_with_one_seed_have_one_key_and_others_another() {
        assert_eq!(identity(b"a").jwks, identity(b"a").jwks);
        assert_ne!(jwk(&identity(b"a"))["kid"], jwk(&identity(b"b"))["kid"]);
    }
}
