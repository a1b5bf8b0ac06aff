//! A gateway's second factors, people, and what they hold in their hands. No assertion lives here.

use crate::support::{
    database::TestDb,
    security_key::{Claims, SecurityKey},
};
use rack_gateway::{
    audit::{Audit, LineSink, Writer, WriterOptions},
    core::{PublicUrl, Secret, SystemClock, Timestamp, id::MethodId, seal::Keys},
    identity::{
        AccessSnapshot, Presented, Principal, Proof, authenticate,
        mfa::{Assertion, Enrolled, Mfa, MfaError, Nobody, Proven, Site},
        session::IdleLimits,
        token::{self, TokenHash},
    },
    store::{Db, Grounds, SessionRow},
};
use serde_json::{Value, json};
use std::{net::IpAddr, net::Ipv4Addr, sync::Arc, time::Duration};
use totp_rs::Builder;

pub const NOW: Timestamp = Timestamp::from_micros(1_700_000_010_000_000);
pub const IP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
pub const ORIGIN: &str = "https://gateway.example.com";
pub const RP_ID: &str = "gateway.example.com";

/// So many seconds after [`NOW`].
pub const fn later(seconds: i64) -> Timestamp {
    Timestamp::from_micros(NOW.as_micros() + seconds * 1_000_000)
}

#[derive(Clone)]
pub struct World {
    pub db: Db,
    pub mfa: Mfa,
}

impl World {
    pub fn new(db: &TestDb) -> Self {
        Self::with_key(&db.db, "the key of the tests")
    }

    pub fn with_key(db: &Db, key: &str) -> Self {
        let site = Site::new(&PublicUrl::parse(ORIGIN).unwrap(), None, None);
        let (writer, _) = Writer::start(db.clone(), WriterOptions::default());
        let audit = Audit::new(writer, LineSink::start(std::io::sink()), Arc::new(SystemClock));
        let keys = Keys::new(&Secret::new(key), &[]);
        Self { db: db.clone(), mfa: Mfa::new(db.clone(), audit, Some(keys), &site, Arc::new(Nobody)) }
    }

    /// Another replica: its own process as far as memory goes, the same database.
    pub async fn replica(db: &TestDb) -> Self {
        Self::with_key(&db.again().await, "the key of the tests")
    }

    pub async fn person(&self, email: &str) -> Principal {
        self.db.add_user(email, "", NOW).await.unwrap();
        self.login(email).await
    }

    /// One more session of a person.
    pub async fn login(&self, email: &str) -> Principal {
        let user = self.db.user_by_email(email).await.unwrap();
        let secret = token::generate_session();
        let hash = TokenHash::of(secret.expose());
        let session = SessionRow {
            method: "link".into(),
            ..SessionRow::new(user.id, hash.as_bytes(), NOW, NOW.saturating_add(Duration::from_secs(86_400)))
        };
        self.db.add_session(&session).await.unwrap();
        let rows = self.db.access_rows(NOW).await.unwrap();
        let snapshot = AccessSnapshot::compile(&rows, IdleLimits::default());
        authenticate(&snapshot, &Presented::Session(hash), NOW).unwrap()
    }

    /// A person with an authenticator app, confirmed a minute before [`NOW`].
    pub async fn person_with_app(&self, email: &str) -> (Principal, App) {
        let who = self.person(email).await;
        let (app, _) = self.enrol_app(&who, Grounds::First).await.unwrap();
        (who, app)
    }

    pub async fn enrol_app(&self, who: &Principal, grounds: Grounds) -> Result<(App, Enrolled), MfaError> {
        let started = self.mfa.start_totp(who, None, later(-60)).await?;
        let app = App { method: started.method, base32: started.secret };
        let code = app.code(later(-60));
        let enrolled = self.mfa.confirm_totp(who, started.method, &code, grounds, IP, later(-60)).await?;
        Ok((app, enrolled))
    }

    pub async fn enrol_key(&self, who: &Principal, grounds: Grounds) -> Result<SecurityKey, MfaError> {
        let mut key = SecurityKey::new(ORIGIN, RP_ID);
        self.enrol(who, &key, grounds).await?;
        key.claims.counter += 1;
        key.claims.user_handle = Some(who.user.id.as_uuid().as_bytes().to_vec());
        Ok(key)
    }

    pub async fn enrol(
        &self,
        who: &Principal,
        key: &SecurityKey,
        grounds: Grounds,
    ) -> Result<Enrolled, MfaError> {
        let started = self.mfa.start_webauthn(who, NOW).await?;
        let credential = serde_json::from_value(key.register(&started.options)).unwrap();
        self.mfa.confirm_webauthn(who, &started.handle, &credential, "Blue key", grounds, NOW).await
    }

    pub async fn person_with_key(&self, email: &str) -> (Principal, SecurityKey) {
        let who = self.person(email).await;
        let key = self.enrol_key(&who, Grounds::First).await.unwrap();
        (who, key)
    }

    /// A code as it is typed.
    pub async fn try_code(&self, who: &Principal, code: &str, now: Timestamp) -> Result<Proven, MfaError> {
        self.mfa.verify(who, &Proof::Code(Secret::new(code)), IP, now).await
    }

    /// A whole ceremony with the key as it is.
    pub async fn try_key(
        &self,
        who: &Principal,
        key: &SecurityKey,
        now: Timestamp,
    ) -> Result<Proven, MfaError> {
        let started = self.mfa.start_assertion(who, now).await?;
        let assertion = assertion(&started.handle, &key.answer(&started.options));
        self.mfa.verify_assertion(who, &assertion, IP, now).await
    }

    pub async fn is_locked(&self, who: &Principal) -> bool {
        self.db.user_by_id(who.user.id).await.unwrap().unwrap().locked_at.is_some()
    }
}

pub fn assertion(handle: &Secret, answer: &Value) -> Assertion {
    serde_json::from_value(json!({ "session_data": handle.expose(), "assertion_response": answer })).unwrap()
}

/// The same key with other claims, for one answer.
pub fn lying(key: &SecurityKey, lie: impl FnOnce(&mut Claims)) -> Claims {
    let mut claims = key.claims.clone();
    lie(&mut claims);
    claims
}

/// An authenticator app.
pub struct App {
    pub method: MethodId,
    base32: Secret,
}

impl App {
    pub fn code(&self, at: Timestamp) -> Secret {
        let secret = totp_rs::Secret::try_from_base32(self.base32.expose()).unwrap();
        let totp = Builder::new().with_secret(secret).build().unwrap();
        Secret::new(totp.generate(u64::try_from(at.as_micros() / 1_000_000).unwrap()).to_string())
    }

    /// One that is right for no step near.
    pub fn wrong_code(&self, at: Timestamp, index: u32) -> String {
        let near: Vec<String> = (-2..=2)
            .map(|step| {
                let at = Timestamp::from_micros(at.as_micros() + step * 30_000_000);
                self.code(at).expose().to_owned()
            })
            .collect();
        (index..).map(|number| format!("{number:06}")).find(|code| !near.contains(code)).unwrap()
    }
}
