//! Somebody on a command line with real second factors: an authenticator app, and the backup codes on paper.

use super::{
    gateway::TestGateway,
    session::{CLI, Kind, Session},
};
use rack_gateway::core::Timestamp;
use serde_json::{Value, json};
use std::sync::Mutex;

pub struct Prover {
    pub session: Session,
    base32: String,
    /// Each is good once.
    codes: Mutex<Vec<String>>,
}

impl TestGateway {
    /// Somebody new with `role` on everything. The code of the step before this one is used up.
    pub async fn prover(&self, role: &str) -> Prover {
        let session = self.session_of(role, &Kind { enrolled: false, ..CLI }).await;
        let post = async |path: &str, body: Value| -> Value {
            let request = format!("POST /api/v1/auth/mfa/enroll/totp/{path}");
            let answer = self.own(&session.secret, &request).json(&body).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            answer.json().await.unwrap()
        };
        let started = post("start", json!({})).await;
        let base32 = started["secret"].as_str().unwrap().to_owned();
        let code = code_of(&base32, self.clock.now(), -1);
        let confirmed = post("confirm", json!({ "method_id": started["method_id"], "code": code })).await;
        let codes = confirmed["backup_codes"].as_array().unwrap().iter();
        let codes = codes.map(|code| code.as_str().unwrap().to_owned()).collect();
        Prover { session, base32, codes: Mutex::new(codes) }
    }
}

impl Prover {
    /// The app's code, so many steps from now.
    pub fn totp(&self, now: Timestamp, steps: i64) -> String {
        code_of(&self.base32, now, steps)
    }

    pub fn backup_code(&self) -> String {
        self.codes.lock().unwrap().pop().expect("a backup code that is left")
    }

    /// A request of the gateway's own with a fresh proof.
    pub fn proving(&self, gateway: &TestGateway, request: &str) -> reqwest::RequestBuilder {
        gateway.own(&self.session.secret, request).header("X-Mfa-Totp", self.backup_code())
    }
}

fn code_of(base32: &str, now: Timestamp, steps: i64) -> String {
    let secret = totp_rs::Secret::try_from_base32(base32).unwrap();
    let totp = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    let seconds = now.as_micros() / 1_000_000 + steps * 30;
    totp.generate(u64::try_from(seconds).unwrap()).to_string()
}
