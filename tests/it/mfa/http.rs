//! The endpoints, as a browser and a command line use them.

use crate::support::{
    gateway::{TestGateway, until_status},
    security_key::SecurityKey,
};
use rack_gateway::{
    core::Timestamp,
    identity::{
        change::{Actor, users},
        token::{self, TokenHash},
    },
    store::SessionRow,
};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use std::{sync::Mutex, time::Duration};

const ORIGIN: &str = "http://localhost:8443";

/// A person with a session, who keeps cookies like a browser or shows a header like a command line.
struct Client<'a> {
    gateway: &'a TestGateway,
    http: reqwest::Client,
    channel: &'static str,
    secret: Mutex<String>,
    csrf: Mutex<String>,
    trusted: Mutex<Option<String>>,
}

impl<'a> Client<'a> {
    async fn new(gateway: &'a TestGateway, email: &str, channel: &'static str) -> Self {
        let now = gateway.clock.now();
        let user = match gateway.db.user_by_email(email).await {
            Ok(user) => user,
            Err(_) => gateway.db.add_user(email, "", now).await.unwrap(),
        };
        let secret = token::generate_session();
        let session = SessionRow {
            channel: channel.into(),
            method: "link".into(),
            ..SessionRow::new(
                user.id,
                TokenHash::of(secret.expose()).as_bytes(),
                now,
                now.saturating_add(Duration::from_secs(3_600)),
            )
        };
        gateway.db.add_session(&session).await.unwrap();
        Self {
            gateway,
            http: reqwest::Client::new(),
            channel,
            csrf: Mutex::new(rack_gateway::api::csrf::token(&secret)),
            secret: Mutex::new(secret.expose().to_owned()),
            trusted: Mutex::new(None),
        }
    }

    fn request(&self, request: &str) -> reqwest::RequestBuilder {
        let (method, path) = request.split_once(' ').unwrap();
        let url = self.gateway.url(&format!("/api/v1/auth/{path}"));
        let built = self.http.request(method.parse().unwrap(), url);
        let secret = self.secret.lock().unwrap().clone();
        if self.channel == "cli" {
            return built.bearer_auth(secret);
        }
        built
            .header("Cookie", format!("session_token={secret}"))
            .header("X-CSRF-Token", self.csrf.lock().unwrap().clone())
    }

    async fn send(&self, request: &str, body: Value) -> (StatusCode, Value) {
        self.read(self.request(request).json(&body).send().await.unwrap()).await
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.read(self.request(&format!("GET {path}")).send().await.unwrap()).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn good(&self, request: &str, body: Value) -> Value {
        let (status, body) = self.send(request, body).await;
        assert_eq!(status, 200, "{request}: {body}");
        body
    }

    /// Takes new cookies and the token that goes with them.
    async fn read(&self, response: Response) -> (StatusCode, Value) {
        let status = response.status();
        for cookie in response.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            match name {
                "session_token" => value.clone_into(&mut self.secret.lock().unwrap()),
                "rgw_trusted_device" => *self.trusted.lock().unwrap() = Some(value.to_owned()),
                other => panic!("an unknown cookie {other}"),
            }
        }
        let body: Value = response.json().await.unwrap();
        let csrf = body["csrf_token"].as_str().or(body["verification"]["csrf_token"].as_str());
        if let Some(csrf) = csrf {
            csrf.clone_into(&mut self.csrf.lock().unwrap());
        }
        (status, body)
    }

    fn now(&self) -> Timestamp {
        self.gateway.clock.now()
    }

    /// Enrols an app with the code of the step before this one, so that the present one is left.
    async fn enrol_app(&self) -> (App, Value) {
        let started = self.good("POST mfa/enroll/totp/start", json!({})).await;
        let app = App { base32: started["secret"].as_str().unwrap().to_owned() };
        let code = app.code(self.now(), -1);
        let confirm = json!({ "method_id": started["method_id"], "code": code });
        let confirmed = self.good("POST mfa/enroll/totp/confirm", confirm).await;
        (app, confirmed)
    }
}

struct App {
    base32: String,
}

impl App {
    fn code(&self, now: Timestamp, steps: i64) -> String {
        let secret = totp_rs::Secret::try_from_base32(&self.base32).unwrap();
        let totp = totp_rs::Builder::new().with_secret(secret).build().unwrap();
        let seconds = now.as_micros() / 1_000_000 + steps * 30;
        totp.generate(u64::try_from(seconds).unwrap()).to_string()
    }
}

fn key() -> SecurityKey {
    SecurityKey::new(ORIGIN, "localhost")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_enrols_proves_and_gets_new_secrets() {
    let gateway = TestGateway::start().await;
    let ada = Client::new(&gateway, "ada@example.com", "web").await;
    let before = ada.secret.lock().unwrap().clone();
    let status = ada.get("mfa/status").await;
    assert_eq!((&status["enrolled"], &status["webauthn_available"]), (&json!(false), &json!(true)));

    let (app, confirmed) = ada.enrol_app().await;
    assert_eq!(confirmed["status"], "enrolled");
    assert_eq!(confirmed["backup_codes"].as_array().unwrap().len(), 10);
    assert!(confirmed["verification"]["recent_step_up_expires_at"].is_string());
    assert_ne!(*ada.secret.lock().unwrap(), before, "the proof rotates the session");
    let old = reqwest::Client::new().get(gateway.url("/api/v1/me"));
    let old = old.header("Cookie", format!("session_token={before}")).send().await.unwrap();
    assert_eq!(old.status(), 401, "the old cookie is dead at once");

    let status = ada.get("mfa/status").await;
    assert_eq!(status["enrolled"], true);
    assert_eq!(status["methods"][0]["type"], "totp");
    assert!(status["recent_step_up_expires_at"].is_string());
    ada.good("PUT mfa/preferred-method", json!({ "preferred_method": "totp" })).await;
    let id = status["methods"][0]["id"].as_str().unwrap();
    ada.good(&format!("PUT mfa/methods/{id}"), json!({ "label": "Phone" })).await;

    let code = app.code(ada.now(), 0);
    let verified = ada.good("POST mfa/verify", json!({ "code": code, "trust_device": true })).await;
    assert!(verified["mfa_verified_at"].is_string());
    assert!(ada.trusted.lock().unwrap().as_ref().is_some_and(|cookie| cookie.len() == 43));
    let (status, body) = ada.send("POST mfa/verify", json!({ "code": code })).await;
    assert_eq!((status.as_u16(), &body["code"]), (403, &json!("mfa_code_used")));

    let status = ada.get("mfa/status").await;
    assert_eq!(status["preferred_method"], "totp");
    assert_eq!(status["methods"][0]["label"], "Phone");
    let device = status["trusted_devices"][0]["id"].as_str().unwrap();
    ada.good(&format!("DELETE mfa/trusted-devices/{device}"), json!({})).await;
    let (status, _) = ada.send(&format!("DELETE mfa/trusted-devices/{device}"), json!({})).await;
    assert_eq!(status, 404);

    let codes = ada.good("POST mfa/backup-codes/regenerate", json!({})).await;
    let code = codes["backup_codes"][0].as_str().unwrap();
    let remove = ada.request(&format!("DELETE mfa/methods/{id}"));
    let (status, body) = ada.read(remove.send().await.unwrap()).await;
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (401, &json!("mfa_required")),
        "a recent proof is not enough"
    );
    let remove = ada.request(&format!("DELETE mfa/methods/{id}")).header("X-Mfa-Totp", code);
    let (status, body) = ada.read(remove.send().await.unwrap()).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(ada.get("mfa/status").await["enrolled"], false);
    gateway.stop().await;
}

/// One setting says it to the browser and to the database.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_trusted_for_as_long_as_the_setting_says() {
    let gateway = TestGateway::with([("RGW_SETTING_MFA_TRUSTED_DEVICE_TTL_DAYS", "7")]).await;
    let ada = Client::new(&gateway, "ada@example.com", "web").await;
    let (app, _) = ada.enrol_app().await;
    let proof = json!({ "code": app.code(ada.now(), 0), "trust_device": true });
    let answer = ada.request("POST mfa/verify").json(&proof).send().await.unwrap();
    let mut cookies = answer.headers().get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    let trusted = cookies.find(|line| line.starts_with("rgw_trusted_device=")).unwrap();
    assert!(trusted.ends_with("; Max-Age=604800"), "{trusted}");
    ada.read(answer).await;
    let device = ada.get("mfa/status").await["trusted_devices"][0].clone();
    let time = |key: &str| Timestamp::parse(device[key].as_str().unwrap()).unwrap();
    assert_eq!(time("expires_at").since(time("created_at")), Duration::from_secs(604_800));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cve_a_stolen_session_cannot_add_its_own_factor() {
    let gateway = TestGateway::start().await;
    let ada = Client::new(&gateway, "ada@example.com", "web").await;
    let (app, _) = ada.enrol_app().await;
    let thief = Client::new(&gateway, "ada@example.com", "web").await;
    thief.get("mfa/status").await;
    for path in ["mfa/enroll/totp/start", "mfa/enroll/webauthn/start"] {
        let (status, body) = thief.send(&format!("POST {path}"), json!({})).await;
        assert_eq!((status.as_u16(), &body["code"]), (401, &json!("mfa_step_up_required")), "{path}");
    }
    for (request, body) in [
        ("PUT mfa/preferred-method", json!({ "preferred_method": null })),
        ("POST mfa/backup-codes/regenerate", json!({})),
    ] {
        let (status, _) = thief.send(request, body).await;
        assert_eq!(status, 401, "{request}");
    }
    let proved = thief.request("POST mfa/enroll/totp/start").header("X-Mfa-Totp", app.code(ada.now(), 0));
    let (status, body) = thief.read(proved.json(&json!({})).send().await.unwrap()).await;
    assert_eq!(status, 200, "with a proof it is Ada herself: {body}");
    gateway.stop().await;
}

/// Who guesses has a session of the person's. It stays ended when the person may come in again.
#[tokio::test(flavor = "multi_thread")]
async fn an_unlock_does_not_bring_the_guessers_session_back() {
    let gateway = TestGateway::start().await;
    let ada = Client::new(&gateway, "ada@example.com", "web").await;
    let (app, _) = ada.enrol_app().await;
    let near: Vec<_> = (-2..=2).map(|step| app.code(ada.now(), step)).collect();
    let wrong = (0..).map(|number: u32| format!("{number:06}")).filter(|code| !near.contains(code));
    for code in wrong.take(5) {
        let (status, body) = ada.send("POST mfa/verify", json!({ "code": code })).await;
        assert_eq!(status, 403, "{code}: {body}");
    }
    until_status(|| ada.request("GET mfa/status"), 401).await;

    users::unlock(&gateway.db, &Actor::Operator, gateway.clock.now(), "ada@example.com").await.unwrap();
    let again = Client::new(&gateway, "ada@example.com", "web").await;
    let secret = again.secret.lock().unwrap().clone();
    gateway.until_known(&secret).await;
    let old = ada.request("GET mfa/status").send().await.unwrap();
    assert_eq!(old.status(), 401, "the old cookie is worth nothing any more");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn security_keys_over_http() {
    let gateway = TestGateway::with([("WEBAUTHN_ORIGIN", ORIGIN)]).await;
    let ada = Client::new(&gateway, "ada@example.com", "cli").await;
    let mut key = key();
    let started = ada.good("POST mfa/enroll/webauthn/start", json!({})).await;
    let credential = key.register(&started["public_key_options"]);
    let confirm = json!({ "handle": started["handle"], "credential": credential, "label": "Blue" });
    let confirmed = ada.good("POST mfa/enroll/webauthn/confirm", confirm).await;
    assert_eq!(confirmed["status"], "enrolled");
    assert!(confirmed["verification"].get("csrf_token").is_none(), "a command line keeps its secret");

    key.claims.counter += 1;
    let started = ada.good("POST mfa/webauthn/assertion/start", json!({})).await;
    assert_eq!(started["options"]["allowCredentials"].as_array().unwrap().len(), 1);
    let answer = key.answer(&started["options"]);
    let proof = json!({ "session_data": started["session_data"], "assertion_response": answer });
    ada.good("POST mfa/webauthn/assertion/verify", proof.clone()).await;
    let (status, body) = ada.send("POST mfa/webauthn/assertion/verify", proof).await;
    assert_eq!((status.as_u16(), &body["code"]), (400, &json!("mfa_ceremony_over")));

    let user = gateway.db.user_by_email("ada@example.com").await.unwrap();
    key.claims.user_handle = Some(user.id.as_uuid().as_bytes().to_vec());
    key.claims.counter += 1;
    let http = reqwest::Client::new();
    let start = http.post(gateway.url("/api/v1/auth/passkey/start")).json(&json!({})).send().await.unwrap();
    let started: Value = start.json().await.unwrap();
    let finish = json!({ "handle": started["handle"], "credential": key.answer(&started["options"]) });
    let url = gateway.url("/api/v1/auth/passkey/finish");
    let answer = http.post(&url).json(&finish).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({ "redirect": "/app/" }));
    let me = http.get(gateway.url("/api/v1/me")).header("Cookie", &cookie).send().await.unwrap();
    assert_eq!(me.json::<Value>().await.unwrap()["email"], "ada@example.com");

    let again = http.post(&url).json(&finish).send().await.unwrap();
    assert_eq!(again.status(), 403);
    assert!(again.headers().get("www-authenticate").is_none(), "a browser would ask for a password");
    assert_eq!(again.json::<Value>().await.unwrap()["code"], "passkey_refused");
    gateway
        .lines
        .wait_for(|line| {
            line["action"] == "login.passkey"
                && line["user_email"] == "ada@example.com"
                && line["status"] == "success"
        })
        .await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_strangers_are_turned_away() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("admin").await;
    for request in [
        "GET /api/v1/auth/mfa/status",
        "POST /api/v1/auth/mfa/enroll/totp/start",
        "POST /api/v1/auth/mfa/verify",
        "DELETE /api/v1/auth/mfa/methods/018f2f2e-0000-7000-8000-000000000000",
    ] {
        let answer = gateway.own(&token, request).json(&json!({ "code": "123456" })).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{request}");
        let (method, path) = request.split_once(' ').unwrap();
        let nobody = reqwest::Client::new().request(method.parse().unwrap(), gateway.url(path));
        assert_eq!(nobody.send().await.unwrap().status(), 401, "{request}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_names_its_field() {
    let gateway = TestGateway::start().await;
    let ada = Client::new(&gateway, "ada@example.com", "web").await;
    let (_, _) = ada.enrol_app().await;
    for (request, body, word) in [
        ("POST mfa/verify", json!({}), "code"),
        ("POST mfa/verify", json!({ "code": 123_456 }), "code"),
        ("POST mfa/verify", json!({ "code": "12" }), "six digits"),
        ("PUT mfa/preferred-method", json!({ "preferred_method": "sms" }), "preferred_method"),
        ("PUT mfa/methods/018f2f2e-0000-7000-8000-000000000000", json!({ "label": "" }), "label"),
        ("POST mfa/enroll/totp/confirm", json!({ "method_id": "7", "code": "123456" }), "method_id"),
        ("POST mfa/webauthn/assertion/verify", json!({ "session_data": "x" }), "assertion_response"),
    ] {
        let (status, answer) = ada.send(request, body).await;
        assert_eq!(status, 400, "{request}: {answer}");
        assert!(answer["error"].as_str().unwrap().contains(word), "{request}: {answer}");
        assert!(answer["request_id"].is_string());
    }
    let (status, _) = ada.send("PUT mfa/methods/seven", json!({ "label": "x" })).await;
    assert_eq!(status, 404);
    gateway.stop().await;
}

/// Vault CVE-2024-8365, OpenBao CVE-2025-62513: what proves must not be readable anywhere.
#[tokio::test(flavor = "multi_thread")]
async fn cve_2025_62513_no_secret_is_written_down() {
    let gateway = TestGateway::with([("WEBAUTHN_ORIGIN", ORIGIN)]).await;
    let ada = Client::new(&gateway, "ada@example.com", "web").await;
    let (app, confirmed) = ada.enrol_app().await;
    let code = app.code(ada.now(), 0);
    ada.good("POST mfa/verify", json!({ "code": code, "trust_device": true })).await;
    let backup = confirmed["backup_codes"][0].as_str().unwrap().to_owned();
    ada.send("POST mfa/verify", json!({ "code": "AAAA-BBBB-CCCC" })).await;
    let key = key();
    let started = ada.good("POST mfa/enroll/webauthn/start", json!({})).await;
    let handle = started["handle"].as_str().unwrap().to_owned();
    let credential = key.register(&started["public_key_options"]);
    let confirm = json!({ "handle": handle, "credential": credential, "label": "Blue" });
    ada.good("POST mfa/enroll/webauthn/confirm", confirm).await;
    gateway.lines.wait_for(|line| line["status"] == "denied" && line["action"] == "mfa.verify").await;

    let secret = totp_rs::Secret::try_from_base32(&app.base32).unwrap();
    let session = ada.secret.lock().unwrap().clone();
    let device = ada.trusted.lock().unwrap().clone().unwrap();
    let texts = [
        app.base32.as_str(),
        &backup,
        &backup.replace('-', ""),
        &session,
        &device,
        &handle,
        "AAAA-BBBB-CCCC",
    ];
    let lines = gateway.lines.text();
    let database = database_bytes(&gateway);
    for text in texts {
        assert!(!lines.contains(text), "{text} stands in the audit lines");
        assert!(!contains(&database, text.as_bytes()), "{text} stands in the database");
    }
    assert!(!contains(&database, secret.as_ref()), "the bytes of the app's secret stand in the database");
    assert!(contains(&database, b"ada@example.com"), "the search looks at the right files");
    gateway.stop().await;
}

fn database_bytes(gateway: &TestGateway) -> Vec<u8> {
    let path = gateway.directory().join("gateway.db");
    ["", "-wal"]
        .iter()
        .flat_map(|end| std::fs::read(format!("{}{end}", path.display())).unwrap_or_default())
        .collect()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|part| part == needle)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_it_says_what_is_missing() {
    crate::support::database::each(async |db: crate::support::database::TestDb| {
        if db.engine() == "sqlite" {
            return; // A key file serves there.
        }
        let gateway = TestGateway::on(db.db.clone(), tempfile::tempdir().unwrap(), []).await;
        let ada = Client::new(&gateway, "ada@example.com", "web").await;
        assert_eq!(ada.get("mfa/status").await["webauthn_available"], false);
        for path in ["mfa/enroll/totp/start", "mfa/enroll/webauthn/start"] {
            let (status, body) = ada.send(&format!("POST {path}"), json!({})).await;
            assert_eq!((status.as_u16(), &body["code"]), (503, &json!("app_secret_key_missing")));
            assert!(body["error"].as_str().unwrap().contains("APP_SECRET_KEY"));
        }
        gateway.stop().await;
    })
    .await;
}
