//! The way there and back: state, browser, PKCE, codes, keys that change, providers that are down.

use super::world::{ADA, Site, state};
use crate::support::issuer::{FOREIGN, KEYS, Reply, Script, header_of};
use rack_gateway::core::Timestamp;
use serde_json::json;
use std::sync::Arc;

async fn site() -> Site {
    let site = Site::with(&["one", "two"], "").await;
    site.issuers.add("one", Script::default());
    site.issuers.add("two", Script::default());
    site.add_user(ADA).await;
    site
}

/// CVE-2026-55669, CVE-2022-39222: a login that began in one place and ended in another.
#[tokio::test]
async fn a_login_ends_where_it_began_and_once() {
    let site = site().await;
    let callback = async |cookies: &str, query: String| {
        let mut browser = site.browser();
        browser.cookies = cookies.to_owned();
        let landing = browser.return_with(&query).await;
        assert_eq!(landing.session, None, "{query}");
        landing.code().map(str::to_owned)
    };
    let mut one = site.browser();
    let departure = one.depart("one", "/app/").await.unwrap();
    let (code, mine) = (site.issuers.code("one", &departure), state(&departure));
    let mut other = site.browser();
    let theirs = state(&other.depart("one", "/app/").await.unwrap());
    let invalid = Some("invalid_state".to_owned());

    for query in [
        format!("code={code}"),
        format!("code={code}&state="),
        format!("code={code}&state=wrong"),
        String::new(),
        format!("code={code}&state={mine}&state={mine}"),
    ] {
        assert_eq!(callback(&one.cookies, query).await, invalid);
    }
    assert_eq!(
        callback(&one.cookies, format!("code={code}&state={theirs}")).await,
        invalid,
        "another login's state"
    );
    assert_eq!(
        callback(&other.cookies, format!("code={code}&state={theirs}")).await,
        invalid,
        "a state is used by whoever shows it"
    );

    let departure = one.depart("one", "/app/").await.unwrap();
    let (code, mine) = (site.issuers.code("one", &departure), state(&departure));
    for cookies in ["", "rgw_oauth_state=", "rgw_oauth_state=x", &other.cookies.clone()] {
        let again = one.depart("one", "/app/").await.unwrap();
        let query = format!("code={code}&state={}", state(&again));
        assert_eq!(callback(cookies, query).await, invalid, "another browser: {cookies:?}");
    }
    assert_eq!(
        callback(&one.cookies, format!("code={code}&state={mine}")).await,
        invalid,
        "the cookie is of a later login"
    );

    let departure = one.depart("one", "/app/").await.unwrap();
    let query = format!("code={}&state={}", site.issuers.code("one", &departure), state(&departure));
    assert!(one.return_with(&query).await.session.is_some());
    assert_eq!(callback(&one.cookies, query.clone()).await, invalid, "replayed");
    site.gateway.stop().await;
}

/// CVE-2024-5798, CVE-2023-22482, CVE-2026-55669: a code or token of another login, verifier or provider was taken.
#[tokio::test]
async fn codes_belong_to_one_login_at_one_provider() {
    let site = site().await;
    let mut browser = site.browser();
    let departure = browser.depart("one", "/app/").await.unwrap();
    let code = site.issuers.code("one", &departure);
    site.issuers.tamper(&code, |flow| flow.challenge = "another".into());
    let landing = browser.return_with(&format!("code={code}&state={}", state(&departure))).await;
    assert_eq!(
        (landing.code(), landing.session.is_some()),
        (Some("login_failed"), false),
        "the verifier is another's"
    );

    let first = browser.depart("one", "/app/").await.unwrap();
    let code = site.issuers.code("one", &first);
    let second = browser.depart("one", "/app/").await.unwrap();
    let landing = browser.return_with(&format!("code={code}&state={}", state(&second))).await;
    assert_eq!(landing.code(), Some("login_failed"), "the code of another login, as nonce and verifier tell");

    let mut thief = site.browser();
    let departure = thief.depart("two", "/app/").await.unwrap();
    let elsewhere = browser.depart("one", "/app/").await.unwrap();
    let code = site.issuers.code("one", &elsewhere);
    let landing = thief.return_with(&format!("code={code}&state={}", state(&departure))).await;
    assert_eq!(landing.code(), Some("login_failed"), "the code of another provider");

    let departure = browser.depart("one", "/app/").await.unwrap();
    let code = site.issuers.code("one", &departure);
    let from_two = format!("code={code}&state={}&iss={}", state(&departure), site.issuers.url("two"));
    assert_eq!(browser.return_with(&from_two).await.code(), Some("login_failed"), "sent by another provider");

    for (query, expected) in [
        ("error=access_denied", "access_denied"),
        ("error=server_error&error_description=%3Cscript%3E", "login_failed"),
    ] {
        let departure = browser.depart("one", "/app/").await.unwrap();
        let landing = browser.return_with(&format!("{query}&state={}", state(&departure))).await;
        assert_eq!(landing.code(), Some(expected));
        assert!(!landing.location.contains("script"), "{landing:?}");
    }
    site.gateway.stop().await;
}

#[tokio::test]
async fn a_state_is_good_for_five_minutes() {
    let site = site().await;
    let mut browser = site.browser();
    let departure = browser.depart("one", "/app/").await.unwrap();
    let later = site.gateway.clock.now().saturating_add(std::time::Duration::from_secs(299));
    assert_eq!(site.gateway.db.sweep_ceremonies(later).await.unwrap(), 0);
    let later = Timestamp::from_micros(later.as_micros() + 2_000_000);
    assert_eq!(site.gateway.db.sweep_ceremonies(later).await.unwrap(), 1);
    let code = site.issuers.code("one", &departure);
    let landing = browser.return_with(&format!("code={code}&state={}", state(&departure))).await;
    assert_eq!(landing.code(), Some("invalid_state"));
    site.gateway.stop().await;
}

/// CVE-2024-28197, CVE-2026-34454: the session that was there before the login became the one after it.
#[tokio::test]
async fn a_planted_session_stays_worth_nothing() {
    let site = site().await;
    let mut browser = site.browser();
    let first = browser.login("one").await.session.unwrap();
    let planted = rack_gateway::identity::token::generate_session();
    let departure = browser.depart("one", "/app/").await.unwrap();
    browser.cookies = format!("{}; session_token={}", browser.cookies, planted.expose());
    let query = format!("code={}&state={}", site.issuers.code("one", &departure), state(&departure));
    let second = browser.return_with(&query).await.session.unwrap();
    assert!(second != first && second != planted.expose());
    for (session, expected) in [(planted.expose(), 401), (&second, 200), (&first, 200)] {
        browser.cookies = format!("session_token={session}");
        assert_eq!(browser.get("/api/v1/me").await.status().as_u16(), expected);
    }
    site.gateway.stop().await;
}

#[tokio::test]
async fn a_dead_provider_stops_nobody_else() {
    let site = site().await;
    site.issuers.change("one", |script| script.discovery = Some(Reply::Json(json!({}))));
    let mut browser = site.browser();
    assert_eq!(browser.login("one").await.code(), Some("provider_unavailable"));
    assert!(browser.login("two").await.session.is_some());
    let ready = reqwest::get(site.gateway.ops_url("/readyz")).await.unwrap();
    assert_eq!(ready.status(), 200);
    let metrics = reqwest::get(site.gateway.ops_url("/metrics")).await.unwrap().text().await.unwrap();
    assert!(metrics.contains(r#"oidc_requests_total{provider="two",outcome="answered"}"#), "{metrics}");

    // A moment later it is asked again, and has come back.
    site.issuers.change("one", |script| script.discovery = None);
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert!(browser.login("one").await.session.is_some());
    site.gateway.stop().await;
}

#[tokio::test]
async fn unknown_keys_do_not_make_us_ask_again_and_again() {
    let site = site().await;
    let mut browser = site.browser();
    assert!(browser.login("one").await.session.is_some());
    site.issuers.change("one", |script| {
        script.jwks = Reply::Json(FOREIGN.jwks());
        script.id_token = Arc::new(|flow| {
            let mut header = header_of("ed");
            header["kid"] = json!("new");
            KEYS.token("ed", &header, &flow.claims().to_string())
        });
    });
    for _ in 0..3 {
        assert_eq!(browser.login("one").await.code(), Some("login_failed"));
    }
    assert_eq!(site.issuers.jwks_asked("one"), 1, "once a minute at most");
    site.gateway.stop().await;
}

#[tokio::test]
async fn the_way_to_the_provider_says_only_what_it_must() {
    let site = site().await;
    let mut browser = site.browser();
    let departure = browser.depart("one", "/app/racks%3Fx%3D1").await.unwrap();
    let query: std::collections::BTreeMap<_, _> = departure.query_pairs().into_owned().collect();
    let keys: Vec<_> = query.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "client_id",
            "code_challenge",
            "code_challenge_method",
            "nonce",
            "redirect_uri",
            "response_type",
            "scope",
            "state"
        ]
    );
    assert_eq!((&*query["response_type"], &*query["scope"]), ("code", "openid email profile"));
    assert!(query["redirect_uri"].ends_with("/api/v1/auth/web/callback"), "{query:?}");

    let answer = browser.get("/api/v1/auth/web/login?provider=one").await;
    let line = answer.headers()["set-cookie"].to_str().unwrap();
    for part in [
        "rgw_oauth_state=",
        "; HttpOnly",
        "; SameSite=Lax",
        "; Max-Age=300",
        "; Path=/api/v1/auth/web/callback",
    ] {
        assert!(line.contains(part), "{line}");
    }
    for path in ["?provider=three", "?provider=", "", "?provider=one%00"] {
        let answer = browser.get(&format!("/api/v1/auth/web/login{path}")).await;
        assert!(
            answer.headers()["location"]
                .to_str()
                .unwrap()
                .starts_with("/app/auth/error?code=unknown_provider"),
            "{path}"
        );
    }
    site.gateway.stop().await;
}
