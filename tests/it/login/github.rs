//! Login with GitHub, against a small imitation of it.

use super::world::{ADA, Site, state};
use axum::{
    Json, Router,
    extract::State,
    response::IntoResponse,
    routing::{get, post},
};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

#[derive(Clone)]
struct Github {
    url: String,
    account: Arc<Mutex<Account>>,
}

#[derive(Clone)]
struct Account {
    emails: Value,
    orgs: Value,
    teams: Value,
    token: Value,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            emails: json!([{ "email": "other@x.example", "primary": false, "verified": true }, { "email": ADA, "primary": true, "verified": true }]),
            orgs: json!([{ "state": "active", "organization": { "login": "Acme" } }]),
            teams: json!([{ "slug": "ops", "organization": { "login": "Acme" } }]),
            token: json!({ "access_token": "gho_x", "token_type": "bearer", "scope": "read:user" }),
        }
    }
}

impl Github {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let github = Self { url, account: Arc::default() };
        let known =
            |headers: &HeaderMap| headers.get("authorization").is_some_and(|value| value == "Bearer gho_x");
        let api = move |part: fn(&Account) -> Value| {
            get(async move |State(github): State<Self>, headers: HeaderMap| match known(&headers) {
                true => Json(part(&github.account.lock().unwrap())).into_response(),
                false => StatusCode::UNAUTHORIZED.into_response(),
            })
        };
        let router = Router::new()
            .route(
                "/login/oauth/access_token",
                post(async |State(github): State<Self>, body: String| {
                    assert!(body.contains("code_verifier="), "{body}");
                    Json(github.account.lock().unwrap().token.clone())
                }),
            )
            .route("/api/user", api(|_| json!({ "id": 7, "login": "ada", "name": null })))
            .route("/api/user/emails", api(|account| account.emails.clone()))
            .route("/api/user/memberships/orgs", api(|account| account.orgs.clone()))
            .route("/api/user/teams", api(|account| account.teams.clone()))
            .with_state(github.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        github
    }

    async fn site(&self, more: &str) -> Site {
        let file = format!(
            "[github]\nclient_id = 'id'\nclient_secret = 'secret'\nurl = '{}'\napi_url = '{}/api'\n{more}",
            self.url, self.url
        );
        Site::with(&[], &file).await
    }

    fn change(&self, change: impl FnOnce(&mut Account)) {
        change(&mut self.account.lock().unwrap());
    }
}

async fn login(site: &Site) -> super::world::Landing {
    let mut browser = site.browser();
    let departure = browser.depart("github", "/app/").await.unwrap();
    browser.return_with(&format!("code=x&state={}", state(&departure))).await
}

#[tokio::test]
async fn members_come_in_with_the_roles_of_their_teams() {
    let github = Github::start().await;
    let more =
        "allowed_orgs = ['acme']\n[[group_roles]]\nprovider = 'github'\ngroup = 'acme/ops'\nrole = 'ops'\n";
    let site = github.site(more).await;
    assert!(login(&site).await.session.is_some());
    let db = &site.gateway.db;
    let ada = db.user_by_email(ADA).await.unwrap();
    assert_eq!(ada.name, "ada");
    let identity = &db.identities_of(ada.id).await.unwrap()[0];
    assert_eq!((&identity.issuer, &*identity.subject), (&github.url, "7"));
    assert_eq!(db.grants().await.unwrap()[0].origin.as_deref(), Some("github"));
    assert_eq!(db.sessions_of(ada.id).await.unwrap()[0].method, "github");
    site.gateway.stop().await;
}

#[tokio::test]
async fn others_do_not() {
    let github = Github::start().await;
    let site = github.site("allowed_orgs = ['acme']\nallowed_teams = ['umbrella/ops']\n").await;
    site.add_user(ADA).await;
    let pending = json!([{ "state": "pending", "organization": { "login": "acme" } }]);
    type Change = fn(&mut Account, &Value);
    let cases: [(&str, &str, Change); 7] = [
        ("no member", "not_allowed", |account, _| account.orgs = json!([])),
        ("invited only", "not_allowed", |account, pending| account.orgs = pending.clone()),
        ("another team", "not_allowed", |account, _| {
            account.orgs = json!([]);
            account.teams = json!([{ "slug": "ops", "organization": { "login": "acme2" } }]);
        }),
        ("not verified", "email_unverified", |account, _| {
            account.emails = json!([{ "email": ADA, "primary": true, "verified": false }])
        }),
        ("verified, but not primary", "email_unverified", |account, _| {
            account.emails = json!([{ "email": ADA, "primary": false, "verified": true }])
        }),
        ("verified as text", "provider_unavailable", |account, _| {
            account.emails = json!([{ "email": ADA, "primary": true, "verified": "true" }])
        }),
        ("code refused", "login_failed", |account, _| {
            account.token = json!({ "error": "bad_verification_code" })
        }),
    ];
    for (what, expected, change) in cases {
        github.change(|account| {
            *account = Account::default();
            change(account, &pending);
        });
        let landing = login(&site).await;
        assert_eq!((landing.code(), landing.session.is_some()), (Some(expected), false), "{what}");
    }
    github.change(|account| *account = Account::default());
    assert!(login(&site).await.session.is_some());
    site.gateway.stop().await;
}
