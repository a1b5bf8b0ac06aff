//! The signed statement of who calls. Services verify it with the public key under `/.well-known/jwks.json`, so they
//! need not trust whoever reaches their port.

use crate::{
    core::{
        PublicUrl, RequestId, SharedClock,
        jws::{Jws, seed_for},
    },
    gateway::Body,
    identity::Principal,
};
use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE},
};
use serde::Serialize;
use std::sync::Arc;

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

#[derive(Clone, Debug)]
pub struct ServiceIdentity {
    jws: Jws,
    key_set: Arc<str>,
    issuer: PublicUrl,
    clock: SharedClock,
}

impl ServiceIdentity {
    /// All replicas must be given the same secret: any of them may be asked for the public key.
    pub fn new(secret: &[u8], issuer: PublicUrl, clock: SharedClock) -> Self {
        let jws = Jws::published(&seed_for("rack-gateway service identity", secret));
        Self { key_set: jws.key_set().to_string().into(), jws, issuer, clock }
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
        self.jws.sign(&claims)
    }

    /// `/.well-known/jwks.json`: RFC 7517. Public.
    pub fn keys(&self, method: &Method) -> Response<Body> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut refused = Response::new(Body::Empty);
            *refused.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        let mut response = Response::new(Body::whole(self.key_set.to_string()));
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
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::json;

    fn identity(seed: &[u8]) -> ServiceIdentity {
        let clock = FixedClock::at(Timestamp::from_micros(1_700_000_000_000_000));
        ServiceIdentity::new(seed, PublicUrl::parse("https://gateway.example.com").unwrap(), clock)
    }

    fn jwk(identity: &ServiceIdentity) -> serde_json::Value {
        serde_json::from_str::<serde_json::Value>(&identity.key_set).unwrap()["keys"][0].clone()
    }

    #[test]
    fn a_statement_says_who_calls_what_for_a_minute() {
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
        let header: serde_json::Value = serde_json::from_slice(&decoded(parts[0])).unwrap();
        assert_eq!(header["kid"], jwk(&identity)["kid"]);
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
        assert_eq!(identity(b"a").key_set, identity(b"a").key_set);
        assert_ne!(jwk(&identity(b"a"))["kid"], jwk(&identity(b"b"))["kid"]);
    }
}
