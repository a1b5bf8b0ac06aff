//! An OpenID Connect provider that says whatever a test tells it to, and signs it with real keys.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::any,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

pub const CLIENT: &str = "gateway-client";
pub const SECRET: &str = "client-secret";
pub const ACCESS_TOKEN: &str = "an-access-token";

/// Keys of one kind each; those of another set have the same names.
pub struct Keys {
    pub rsa: RsaKeyPair,
    pub ec: EcdsaKeyPair,
    pub ed: SigningKey,
}

pub static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::new(1));
/// Somebody else's.
pub static FOREIGN: LazyLock<Keys> = LazyLock::new(|| Keys::new(2));

impl Keys {
    fn new(seed: u8) -> Self {
        Self {
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
            ec: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            ed: SigningKey::from_bytes(&[seed; 32]),
        }
    }

    pub fn jwks(&self) -> Value {
        // PKCS #1 of a 2048-bit key: the modulus begins after nine bytes, the exponent is 65537.
        let modulus = &self.rsa.public_key().as_ref()[9..265];
        let point = self.ec.public_key().as_ref();
        json!({ "keys": [
            { "kty": "RSA", "kid": "rsa", "use": "sig", "alg": "RS256",
              "n": b64(modulus), "e": "AQAB" },
            { "kty": "EC", "kid": "ec", "use": "sig", "alg": "ES256", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..]) },
            { "kty": "OKP", "kid": "ed", "use": "sig", "alg": "EdDSA", "crv": "Ed25519", "x": b64(self.ed.verifying_key().as_bytes()) },
        ]})
    }

    /// A signature over `input`, by the key that `kid` names.
    pub fn sign(&self, kid: &str, input: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match kid {
            "rsa" => {
                let mut out = vec![0; self.rsa.public_modulus_len()];
                self.rsa.sign(&RSA_PKCS1_SHA256, &random, input, &mut out).unwrap();
                out
            }
            "ec" => self.ec.sign(&random, input).unwrap().as_ref().to_vec(),
            _ => self.ed.sign(input).to_bytes().to_vec(),
        }
    }

    /// A compact token.
    pub fn token(&self, kid: &str, header: &Value, payload: &str) -> String {
        let input = format!("{}.{}", b64(header.to_string().as_bytes()), b64(payload.as_bytes()));
        format!("{input}.{}", b64(&self.sign(kid, input.as_bytes())))
    }
}

pub fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub fn header_of(kid: &str) -> Value {
    let alg = match kid {
        "rsa" => "RS256",
        "ec" => "ES256",
        _ => "EdDSA",
    };
    json!({ "alg": alg, "kid": kid, "typ": "JWT" })
}

#[expect(
    clippy::disallowed_methods,
    reason = "tokens are judged by the clock of the gateway, which is the system's"
)]
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// What an endpoint answers.
#[derive(Clone)]
pub enum Reply {
    Json(Value),
    Text(StatusCode, &'static str, String),
    Redirect(String),
    /// Never ends.
    Endless,
    /// Comes too late.
    Slow,
}

/// One login, as the provider sees it.
#[derive(Clone)]
pub struct Flow {
    pub issuer: String,
    pub nonce: String,
    pub challenge: String,
}

impl Flow {
    /// Good in every respect.
    pub fn claims(&self) -> Value {
        json!({
            "iss": self.issuer, "sub": "subject-1", "aud": CLIENT, "exp": now() + 300, "iat": now(), "nonce": self.nonce,
            "email": "ada@corp.example", "email_verified": true, "name": "Ada",
        })
    }
}

type MakeToken = Arc<dyn Fn(&Flow) -> String + Send + Sync>;

/// How one issuer behaves.
#[derive(Clone)]
pub struct Script {
    pub discovery: Option<Reply>,
    pub jwks: Reply,
    /// In place of a good answer.
    pub token: Option<Reply>,
    pub id_token: MakeToken,
    pub userinfo: Option<Reply>,
    pub jwks_asked: usize,
}

impl Default for Script {
    fn default() -> Self {
        let id_token: MakeToken =
            Arc::new(|flow| KEYS.token("ed", &header_of("ed"), &flow.claims().to_string()));
        Self {
            discovery: None,
            jwks: Reply::Json(KEYS.jwks()),
            token: None,
            id_token,
            userinfo: None,
            jwks_asked: 0,
        }
    }
}

#[derive(Default)]
struct World {
    scripts: HashMap<String, Script>,
    codes: HashMap<String, Flow>,
    next: usize,
}

#[derive(Clone)]
pub struct Issuers {
    base: String,
    world: Arc<Mutex<World>>,
}

impl Issuers {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let issuers = Self { base, world: Arc::default() };
        let router = Router::new().route("/{name}/{*path}", any(answer)).with_state(issuers.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        issuers
    }

    pub fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.base)
    }

    pub fn add(&self, name: &str, script: Script) {
        self.world.lock().unwrap().scripts.insert(name.to_owned(), script);
    }

    pub fn change(&self, name: &str, change: impl FnOnce(&mut Script)) {
        change(self.world.lock().unwrap().scripts.get_mut(name).unwrap());
    }

    pub fn jwks_asked(&self, name: &str) -> usize {
        self.world.lock().unwrap().scripts[name].jwks_asked
    }

    /// A code for the login that the gateway began with this address.
    pub fn code(&self, name: &str, departure: &url::Url) -> String {
        let query: HashMap<_, _> = departure.query_pairs().into_owned().collect();
        assert_eq!(query["code_challenge_method"], "S256", "{departure}");
        let flow = Flow {
            issuer: self.url(name),
            nonce: query["nonce"].clone(),
            challenge: query["code_challenge"].clone(),
        };
        let mut world = self.world.lock().unwrap();
        world.next += 1;
        let code = format!("code-{}", world.next);
        world.codes.insert(code.clone(), flow);
        code
    }

    /// Changes what was remembered for a code.
    pub fn tamper(&self, code: &str, change: impl FnOnce(&mut Flow)) {
        change(self.world.lock().unwrap().codes.get_mut(code).unwrap());
    }

    fn metadata(&self, name: &str) -> Value {
        let url = self.url(name);
        json!({
            "issuer": url, "authorization_endpoint": format!("{url}/authorize"), "token_endpoint": format!("{url}/token"),
            "jwks_uri": format!("{url}/jwks"), "userinfo_endpoint": format!("{url}/userinfo"),
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA", "HS256", "none"],
        })
    }

    fn exchange(&self, script: &Script, headers: &HeaderMap, body: &[u8]) -> Reply {
        let form: HashMap<_, _> = form_urlencoded::parse(body).into_owned().collect();
        let refused = || {
            Reply::Text(StatusCode::BAD_REQUEST, "application/json", r#"{"error":"invalid_grant"}"#.into())
        };
        assert!(headers.contains_key(header::AUTHORIZATION), "the gateway proves itself");
        // Good once.
        let Some(flow) = self.world.lock().unwrap().codes.remove(&form["code"]) else { return refused() };
        if b64(&Sha256::digest(form["code_verifier"].as_bytes())) != flow.challenge {
            return refused();
        }
        let id_token = (script.id_token)(&flow);
        Reply::Json(json!({ "access_token": ACCESS_TOKEN, "token_type": "Bearer", "id_token": id_token }))
    }
}

async fn answer(
    State(issuers): State<Issuers>,
    Path((name, path)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let script = issuers.world.lock().unwrap().scripts.get(&name).cloned();
    let Some(script) = script else { return StatusCode::NOT_FOUND.into_response() };
    let reply = match path.as_str() {
        ".well-known/openid-configuration" => {
            script.discovery.clone().unwrap_or_else(|| Reply::Json(issuers.metadata(&name)))
        }
        "jwks" => {
            issuers.change(&name, |script| script.jwks_asked += 1);
            script.jwks.clone()
        }
        "token" => script.token.clone().unwrap_or_else(|| issuers.exchange(&script, &headers, &body)),
        "userinfo" => {
            script.userinfo.clone().unwrap_or(Reply::Text(StatusCode::NOT_FOUND, "text/plain", String::new()))
        }
        _ => Reply::Text(StatusCode::NOT_FOUND, "text/plain", String::new()),
    };
    send(reply).await
}

async fn send(reply: Reply) -> Response {
    match reply {
        Reply::Json(value) => axum::Json(value).into_response(),
        Reply::Text(status, kind, text) => (status, [(header::CONTENT_TYPE, kind)], text).into_response(),
        Reply::Redirect(to) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
        Reply::Endless => {
            let chunks = futures_util::stream::repeat_with(|| {
                Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 65_536]))
            });
            ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(chunks)).into_response()
        }
        Reply::Slow => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            StatusCode::OK.into_response()
        }
    }
}
