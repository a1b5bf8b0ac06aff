//! Somebody who is logged in: a person with a second factor, and a session in a browser or on a command line.

use super::gateway::TestGateway;
use rack_gateway::{
    api::csrf,
    core::{
        Secret, Timestamp,
        id::{GrantId, MethodId, SessionId, UserId},
    },
    identity::token::{self, TokenHash},
    store::{Db, Factor, GrantRow, Grounds, MethodRow, NewFactor, SessionRow, Subject},
};
use std::time::Duration;

pub struct Session {
    pub email: String,
    pub user: UserId,
    pub grant: GrantId,
    pub id: SessionId,
    pub secret: String,
}

/// How the session is; what is not said is as after a login just now.
#[derive(Clone)]
pub struct Kind {
    pub channel: &'static str,
    pub enrolled: bool,
    pub step_up: Option<Timestamp>,
    pub last_seen: Option<Timestamp>,
    pub expires: Option<Timestamp>,
}

pub const WEB: Kind = Kind { channel: "web", enrolled: true, step_up: None, last_seen: None, expires: None };
pub const CLI: Kind = Kind { channel: "cli", ..WEB };

impl Session {
    /// A new user who holds `role` on everything, with a session.
    pub async fn add(db: &Db, now: Timestamp, role: &str, kind: &Kind) -> Self {
        let id = SessionId::new(now);
        let email = format!("{role}-{id}@example.com");
        let user = db.add_user(&email, role, now).await.unwrap().id;
        let grant = GrantRow::new(Subject::User(user), role, "*", None, now);
        db.add_grant(&grant).await.unwrap();
        if kind.enrolled {
            enrol(db, user, now).await;
        }
        let secret = add_session(db, user, id, now, kind).await;
        Self { email, user, grant: grant.id, id, secret }
    }

    /// One more session of the same person.
    pub async fn another(&self, db: &Db, now: Timestamp, kind: &Kind) -> Self {
        let id = SessionId::new(now);
        let secret = add_session(db, self.user, id, now, kind).await;
        Self { email: self.email.clone(), user: self.user, grant: self.grant, id, secret }
    }

    /// The `Cookie` header of a browser that reached the gateway over plain http.
    pub fn cookie(&self) -> String {
        format!("session_token={}", self.secret)
    }

    pub fn csrf(&self) -> String {
        csrf::token(&Secret::new(self.secret.as_str()))
    }
}

/// A security key that nobody has, which is enough for everything that does not ask it.
pub async fn enrol(db: &Db, user: UserId, now: Timestamp) {
    let method = MethodRow {
        id: MethodId::new(now),
        user_id: user,
        kind: "webauthn".to_owned(),
        label: "key".to_owned(),
        secret: vec![0; 8],
        credential_id: Some(MethodId::new(now).as_uuid().as_bytes().to_vec()),
        created_at: now,
        confirmed_at: Some(now),
        last_used_at: None,
    };
    let factor = Factor::WebAuthn(method);
    let new = NewFactor { user, session: None, factor, grounds: Grounds::First, codes: Vec::new(), at: now };
    db.confirm_method(&new).await.unwrap();
}

async fn add_session(db: &Db, user: UserId, id: SessionId, now: Timestamp, kind: &Kind) -> String {
    let secret = token::generate_session();
    let row = SessionRow {
        id,
        channel: kind.channel.to_owned(),
        method: "link".to_owned(),
        last_seen_at: kind.last_seen.unwrap_or(now),
        step_up_at: kind.step_up,
        ip: "192.0.2.1".to_owned(),
        user_agent: "test".to_owned(),
        ..SessionRow::new(
            user,
            TokenHash::of(secret.expose()).as_bytes(),
            now,
            kind.expires.unwrap_or(now.saturating_add(Duration::from_secs(3_600))),
        )
    };
    db.add_session(&row).await.unwrap();
    secret.expose().to_owned()
}

impl TestGateway {
    /// Somebody with `role` on everything, in a browser. Known at once: the gateway asks for sessions it does not
    /// know.
    pub async fn session(&self, role: &str) -> Session {
        Session::add(&self.db, self.clock.now(), role, &WEB).await
    }

    pub async fn session_of(&self, role: &str, kind: &Kind) -> Session {
        Session::add(&self.db, self.clock.now(), role, kind).await
    }

    /// A request of a browser, as in `POST /api/v1/auth/web/logout`, without any further header.
    pub fn by_cookie(&self, session: &Session, request: &str) -> reqwest::RequestBuilder {
        self.plain(request).header("cookie", session.cookie())
    }

    /// The same as our own pages send it.
    pub fn by_page(&self, session: &Session, request: &str) -> reqwest::RequestBuilder {
        self.by_cookie(session, request)
            .header("x-csrf-token", session.csrf())
            .header("sec-fetch-site", "same-origin")
    }

    /// A request of the gateway's own without a credential.
    pub fn plain(&self, request: &str) -> reqwest::RequestBuilder {
        let (method, path) = request.split_once(' ').unwrap();
        reqwest::Client::new().request(method.parse().unwrap(), self.url(path))
    }
}
