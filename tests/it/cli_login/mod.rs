//! Logins of the command line, through a whole gateway and with the real binary.

mod client;
mod decided;
mod device;
mod guarded;
mod loopback;
mod notices;
mod poll;

use crate::support::gateway::TestGateway;
use rack_gateway::{
    core::{
        Timestamp,
        id::{SessionId, UserId},
    },
    identity::token::{self, TokenHash},
    store::{Db, GrantRow, SessionRow, Subject},
};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

/// A person at a browser: a web session, as their page would use it.
struct Browser {
    email: String,
    user: UserId,
    session: SessionId,
    secret: String,
}

/// How the session came about, where it matters.
#[derive(Clone, Copy)]
struct Seat {
    channel: &'static str,
    /// When a second factor was proved.
    proved: Option<Timestamp>,
}

/// What a gateway answered.
#[derive(Debug)]
struct Said {
    status: StatusCode,
    cache: String,
    body: Value,
}

impl Said {
    fn text(&self, key: &str) -> &str {
        self.body[key].as_str().unwrap_or_else(|| panic!("no text {key} in {self:?}"))
    }

    #[track_caller]
    fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{:?}", self.body);
        self
    }
}

async fn said(request: RequestBuilder) -> Said {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let cache = answer.headers().get("cache-control").map_or("", |value| value.to_str().unwrap()).to_owned();
    let bytes = answer.bytes().await.unwrap();
    Said { status, cache, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
}

/// A gateway that lets a test begin as many logins as it wants.
async fn gateway() -> TestGateway {
    TestGateway::with([("LOGIN_RATE_LIMIT_PER_MINUTE", "100000")]).await
}

/// Runs a statement of the test's own.
async fn sql(db: &Db, statement: &'static str) {
    let Db::Sqlite { write, .. } = db else { panic!("these tests run on SQLite") };
    sqlx::query(statement).execute(write).await.unwrap();
}

impl TestGateway {
    /// A new person who is logged in, has a second factor, and proved it a moment ago.
    async fn browser(&self) -> Browser {
        self.browser_with(Seat { channel: "web", proved: Some(self.clock.now()) }).await
    }

    async fn browser_with(&self, seat: Seat) -> Browser {
        let now = self.clock.now();
        let email = format!("person-{}@example.com", SessionId::new(now));
        let user = self.db.add_user(&email, "Ada", now).await.unwrap();
        self.db.add_grant(&GrantRow::new(Subject::User(user.id), "viewer", "*", None, now)).await.unwrap();
        sql(&self.db, "UPDATE users SET mfa_enrolled_at = 1").await;
        let browser = self.seat_of(user.id, email, seat).await;
        self.until_known(&browser.secret).await;
        browser
    }

    async fn seat_of(&self, user: UserId, email: String, seat: Seat) -> Browser {
        let (now, secret) = (self.clock.now(), token::generate_session());
        let session = SessionRow {
            channel: seat.channel.into(),
            method: "oidc:test".into(),
            step_up_at: seat.proved,
            ip: "127.0.0.1".into(),
            user_agent: "test".into(),
            ..SessionRow::new(
                user,
                TokenHash::of(secret.expose()).as_bytes(),
                now,
                now.saturating_add(Duration::from_secs(3_600)),
            )
        };
        self.db.add_session(&session).await.unwrap();
        Browser { email, user, session: session.id, secret: secret.expose().to_owned() }
    }

    /// A call of a client without a credential.
    async fn ask(&self, path: &str, body: Value) -> Said {
        said(reqwest::Client::new().post(self.url(&format!("/api/v1/auth/{path}"))).json(&body)).await
    }

    /// What a person does with a waiting login: `show`, `approve` or `deny`.
    async fn decide(&self, browser: &Browser, request: &str, what: &str) -> Said {
        let request = match what {
            "show" => format!("GET /api/v1/auth/cli/requests/{request}"),
            _ => format!("POST /api/v1/auth/cli/requests/{request}/{what}"),
        };
        let call = self.own(&browser.secret, &request);
        said(if what == "show" { call } else { call.json(&json!({})) }).await
    }
}

/// The request id that stands in the address of the page.
fn request_of(said: &Said) -> String {
    let page = said.text("auth_url");
    let (_, id) = page.split_once("/app/cli/confirm?request=").unwrap_or_else(|| panic!("{page}"));
    id.to_owned()
}
