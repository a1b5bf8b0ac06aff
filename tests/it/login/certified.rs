//! Against a certified provider, where `TEST_OIDC_URL` names one that runs (`tests/services/oidc.sh` starts it).

use super::world::{Browser, Landing, Site, cookie, state};
use rack_gateway::config::{Env as _, ProcessEnv};
use reqwest::{Client, redirect::Policy};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use url::Url;

const SECRET: &str = "a-secret-for-tests";
const BACK: &str = "http://localhost:8443/api/v1/auth/web/callback";

/// The provider's address; says on stderr when there is none.
fn provider() -> Option<String> {
    let url = ProcessEnv.get("TEST_OIDC_URL").filter(|url| !url.is_empty());
    if url.is_none() {
        eprintln!("skipped: a certified provider (tests/services/oidc.sh starts one and sets TEST_OIDC_URL)");
    }
    url
}

/// The names of our providers, each the client of its name at the same issuer, and its secret.
const CLIENTS: [(&str, &str, &str); 6] = [
    ("rs", "gateway-rs", SECRET),
    ("es", "gateway-es", SECRET),
    ("ed", "gateway-ed", SECRET),
    // Its codes are good for four seconds.
    ("brief", "gateway-brief", SECRET),
    // The provider knows another address of it.
    ("moved", "gateway-moved", SECRET),
    ("mistaken", "gateway-rs", "not-the-secret"),
];

async fn site(issuer: &str) -> Site {
    let mut file = String::new();
    for (name, client, secret) in CLIENTS {
        file += &format!(
            "[oidc.{name}]\nissuer = '{issuer}'\nclient_id = '{client}'\nclient_secret = '{secret}'\n\
             scopes = ['email', 'profile', 'groups']\nallowed_domains = ['corp.example']\n"
        );
    }
    file += "[[group_roles]]\nprovider = 'rs'\ngroup = 'platform'\nrole = 'ops'\ntarget = 'staging'\n\
             [identity]\npublic_url = 'http://localhost:8443'\n";
    Site::with(&[], &file).await
}

/// What a person does at the provider: follows it, logs in, and is sent back with a query.
struct Person {
    client: Client,
    cookies: BTreeMap<String, String>,
}

impl Person {
    fn new() -> Self {
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        Self { client, cookies: BTreeMap::new() }
    }

    async fn log_in(&mut self, departure: &Url, account: &str) -> String {
        self.answer(departure, ("account", account)).await
    }

    /// Sees who asks for what, and does not agree.
    async fn deny(&mut self, departure: &Url) -> String {
        self.answer(departure, ("deny", "")).await
    }

    async fn answer(&mut self, departure: &Url, (key, value): (&str, &str)) -> String {
        let mut url = departure.clone();
        for _ in 0..10 {
            if url.path().starts_with("/interaction/") {
                url.query_pairs_mut().append_pair(key, value);
            }
            let cookies: Vec<_> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let answer =
                self.client.get(url.clone()).header("Cookie", cookies.join("; ")).send().await.unwrap();
            for line in answer.headers().get_all("set-cookie") {
                let (name, value) =
                    line.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
            let location = answer.headers().get("location").unwrap_or_else(|| panic!("{answer:?}"));
            url = url.join(location.to_str().unwrap()).unwrap();
            if url.as_str().starts_with(BACK) {
                return url.query().unwrap().to_owned();
            }
        }
        panic!("the provider sends round and round");
    }
}

async fn account(issuer: &str, name: &str, claims: Value) {
    let answer = Client::new().put(format!("{issuer}/accounts/{name}")).json(&claims).send().await.unwrap();
    assert_eq!(answer.status(), 204);
}

fn claims(name: &str) -> Value {
    json!({ "email": format!("{name}@corp.example"), "email_verified": true, "name": name, "groups": ["platform"] })
}

/// Ada has an account at the provider, and is known here.
async fn site_of_ada(issuer: &str) -> Site {
    let site = site(issuer).await;
    account(issuer, "ada", claims("ada")).await;
    site.add_user("ada@corp.example").await;
    site
}

/// What the provider sends back for somebody who logs in there.
async fn answer_for(browser: &mut Browser<'_>, provider: &str, name: &str) -> String {
    let departure = browser.depart(provider, "/app/").await.unwrap();
    Person::new().log_in(&departure, name).await
}

async fn login(browser: &mut Browser<'_>, provider: &str, name: &str) -> Landing {
    let query = answer_for(browser, provider, name).await;
    browser.return_with(&query).await
}

/// Comes back with the code of an earlier answer, under the state of a login that has just begun.
async fn return_with_code_of(browser: &mut Browser<'_>, issuer: &str, answer: &str) -> Landing {
    let departure = browser.depart("rs", "/app/").await.unwrap();
    let query = format!("code={}&state={}&iss={issuer}", part(answer, "code"), state(&departure));
    browser.return_with(&query).await
}

/// What the provider sent back, by the name of each part.
fn part(query: &str, name: &str) -> String {
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).unwrap().1.into_owned()
}

async fn record_of(site: &Site, request_id: &str) -> Value {
    site.gateway.lines.wait_for(|record| record["request_id"] == request_id).await
}

#[tokio::test]
async fn login_with_each_kind_of_key_and_logout() {
    let Some(issuer) = provider() else { return };
    let site = site_of_ada(&issuer).await;
    for kind in ["es", "ed", "rs"] {
        let mut browser = site.browser();
        if kind != "es" {
            // One person, one identity at one issuer, whichever of our clients asks.
            assert_eq!(site.gateway.db.users().await.unwrap().len(), 1);
        }
        let landing = login(&mut browser, kind, "ada").await;
        let session = landing.session.clone().unwrap_or_else(|| panic!("{kind}: {landing:?}"));
        browser.cookies = format!("session_token={session}");
        let me: Value = browser.get("/api/v1/me").await.json().await.unwrap();
        assert_eq!(me["email"], "ada@corp.example");

        let info: Value = browser.get("/api/v1/info").await.json().await.unwrap();
        let token = info["csrf_token"].as_str().unwrap();
        let out = browser.post_with("/api/v1/auth/web/logout", ("X-CSRF-Token", token)).await;
        assert_eq!(out.status(), 200);
        assert_eq!(cookie(&out, "session_token"), None, "cleared");
        assert_eq!(browser.get("/api/v1/me").await.status(), 401);
    }
    let ada = site.gateway.db.user_by_email("ada@corp.example").await.unwrap();
    assert_eq!(site.gateway.db.identities_of(ada.id).await.unwrap().len(), 1);
    site.gateway.stop().await;
}

#[tokio::test]
async fn groups_become_roles() {
    let Some(issuer) = provider() else { return };
    let site = site(&issuer).await;
    account(&issuer, "grace", claims("grace")).await;
    assert!(login(&mut site.browser(), "rs", "grace").await.session.is_some());
    let grants = site.gateway.db.grants().await.unwrap();
    let held: Vec<_> =
        grants.iter().map(|grant| (&*grant.role, &*grant.target, grant.origin.as_deref())).collect();
    assert_eq!(held, [("ops", "staging", Some("rs"))]);

    let mut left = claims("grace");
    left["groups"] = json!([]);
    account(&issuer, "grace", left).await;
    assert!(login(&mut site.browser(), "rs", "grace").await.session.is_some());
    assert_eq!(site.gateway.db.grants().await.unwrap(), []);

    for (name, change, expected) in [
        ("eve", json!({ "email": "eve@evil.example" }), "not_allowed"),
        ("mallory", json!({ "email_verified": false }), "email_unverified"),
        ("trent", json!({ "email_verified": "true" }), "login_failed"),
        ("victor", json!({ "groups": [] }), "not_authorized"),
    ] {
        let mut claims = claims(name);
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        account(&issuer, name, claims).await;
        let landing = login(&mut site.browser(), "rs", name).await;
        assert_eq!((landing.code(), landing.session.is_some()), (Some(expected), false), "{name}");
    }
    site.gateway.stop().await;
}

/// The provider insists on it, so a gateway that left it out would not come this far; and a code without its verifier
/// is worth nothing.
#[tokio::test]
async fn pkce_is_enforced() {
    let Some(issuer) = provider() else { return };
    let site = site_of_ada(&issuer).await;
    let mut browser = site.browser();
    let departure = browser.depart("rs", "/app/").await.unwrap();
    let all = departure.query_pairs().into_owned();
    let without: Vec<_> = all.filter(|(key, _)| !key.starts_with("code_challenge")).collect();
    let mut bare = departure.clone();
    bare.query_pairs_mut().clear().extend_pairs(without);
    let refused = Person::new().log_in(&bare, "ada").await;
    assert!(refused.contains("error=invalid_request"), "{refused}");

    let stolen = Person::new().log_in(&departure, "ada").await;
    let code = part(&stolen, "code");
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", BACK),
        ("code_verifier", &"x".repeat(43)),
    ];
    let token = Client::new()
        .post(format!("{issuer}/token"))
        .basic_auth("gateway-rs", Some(SECRET))
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(token.status(), 400, "{}", token.text().await.unwrap());

    // The code of one login under the state of another: verifier and nonce are not those of the code.
    let other = answer_for(&mut browser, "rs", "ada").await;
    let landing = return_with_code_of(&mut browser, &issuer, &other).await;
    assert_eq!((landing.code(), landing.session.is_some()), (Some("login_failed"), false));

    // This provider says who it is; an answer that does not is not its own.
    let query = answer_for(&mut browser, "rs", "ada").await;
    let nameless: Vec<_> = query.split('&').filter(|pair| !pair.starts_with("iss=")).collect();
    assert_eq!(browser.return_with(&nameless.join("&")).await.code(), Some("login_failed"));
    site.gateway.stop().await;
}

/// Without a session, with this word on the page, and on record as a refused login.
async fn refused(site: &Site, landing: &Landing, code: &str, reason: &str) {
    assert_eq!((landing.status, landing.code(), &landing.session), (302, Some(code), &None), "{landing:?}");
    let record = record_of(site, &landing.request_id).await;
    assert_eq!(
        (&record["action"], &record["action_type"], &record["rbac_decision"], &record["http_status"]),
        (&json!("login.complete"), &json!("auth"), &json!("deny"), &json!(302)),
        "{record}"
    );
    let said = record.to_string();
    assert!(said.contains(reason), "{reason} in {said}");
    assert!(!said.contains(SECRET) && !said.contains("code="), "{said}");
}

#[tokio::test]
async fn a_code_is_good_for_one_login_in_one_browser() {
    let Some(issuer) = provider() else { return };
    let site = site_of_ada(&issuer).await;
    let mut browser = site.browser();

    // A state that was never given out, then the right one in a browser that did not ask.
    let query = answer_for(&mut browser, "rs", "ada").await;
    let wrong = query.replace(&part(&query, "state"), &"A".repeat(43));
    refused(&site, &browser.return_with(&wrong).await, "invalid_state", "the state is unknown").await;
    let mut other = site.browser();
    other.cookies = "rgw_oauth_state=planted".into();
    refused(&site, &other.return_with(&query).await, "invalid_state", "another browser").await;

    // The same answer twice; then its code once more, under a state that is good.
    let query = answer_for(&mut browser, "rs", "ada").await;
    let cookies = browser.cookies.clone();
    assert!(browser.return_with(&query).await.session.is_some());
    browser.cookies = cookies;
    refused(&site, &browser.return_with(&query).await, "invalid_state", "the state is unknown").await;
    let replayed = return_with_code_of(&mut browser, &issuer, &query).await;
    refused(&site, &replayed, "login_failed", "did not accept the code").await;

    // A fresh code of one login under the state of another: the verifier that we send is not its own.
    let stolen = answer_for(&mut browser, "rs", "ada").await;
    let swapped = return_with_code_of(&mut browser, &issuer, &stolen).await;
    refused(&site, &swapped, "login_failed", "did not accept the code").await;
    site.gateway.stop().await;
}

#[tokio::test]
async fn a_code_that_is_too_old_opens_nothing() {
    let Some(issuer) = provider() else { return };
    let site = site_of_ada(&issuer).await;
    let mut browser = site.browser();
    assert!(login(&mut browser, "brief", "ada").await.session.is_some(), "at once it is good");
    let query = answer_for(&mut browser, "brief", "ada").await;
    tokio::time::sleep(std::time::Duration::from_millis(5_200)).await;
    refused(&site, &browser.return_with(&query).await, "login_failed", "did not accept the code").await;
    site.gateway.stop().await;
}

#[tokio::test]
async fn who_does_not_agree_or_is_not_vouched_for_stays_outside() {
    let Some(issuer) = provider() else { return };
    let site = site(&issuer).await;
    site.add_user("mallory@corp.example").await;
    let mut browser = site.browser();
    let departure = browser.depart("rs", "/app/").await.unwrap();
    let query = Person::new().deny(&departure).await;
    assert_eq!(part(&query, "error"), "access_denied");
    refused(&site, &browser.return_with(&query).await, "access_denied", "an error instead of a code").await;

    // Known here by the address, which the provider has not verified: the account stays closed, and unjoined.
    let mut unverified = claims("mallory");
    unverified["email_verified"] = json!(false);
    account(&issuer, "mallory", unverified).await;
    let landing = login(&mut browser, "rs", "mallory").await;
    refused(&site, &landing, "email_unverified", "does not say that the address").await;
    let mallory = site.gateway.db.user_by_email("mallory@corp.example").await.unwrap();
    assert_eq!(site.gateway.db.identities_of(mallory.id).await.unwrap().len(), 0);
    site.gateway.stop().await;
}

#[tokio::test]
async fn a_client_that_the_provider_does_not_believe_lets_nobody_in() {
    let Some(issuer) = provider() else { return };
    let site = site_of_ada(&issuer).await;
    let mut browser = site.browser();
    let landing = login(&mut browser, "mistaken", "ada").await;
    refused(&site, &landing, "login_failed", "did not accept the code").await;

    // The provider does not send anybody to an address that it was not told of, so nobody comes back.
    let departure = browser.depart("moved", "/app/").await.unwrap();
    let answer = Person::new().client.get(departure).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert!(!answer.headers().contains_key("location"));
    assert!(answer.text().await.unwrap().contains("redirect_uri"));
    site.gateway.stop().await;
}

/// A logout ends the session here; who comes back shows themselves at the provider again, and gets another one.
#[tokio::test]
async fn after_a_logout_the_old_session_is_worth_nothing() {
    let Some(issuer) = provider() else { return };
    let site = site_of_ada(&issuer).await;
    let mut browser = site.browser();
    let session = login(&mut browser, "rs", "ada").await.session.unwrap();
    browser.cookies = format!("session_token={session}");
    let info: Value = browser.get("/api/v1/info").await.json().await.unwrap();
    let forged = browser.post_with("/api/v1/auth/web/logout", ("X-CSRF-Token", "forged")).await;
    assert_eq!(forged.status(), 403, "nobody is logged out by another's page");
    assert_eq!(browser.get("/api/v1/me").await.status(), 200);
    let token = info["csrf_token"].as_str().unwrap();
    let out = browser.post_with("/api/v1/auth/web/logout", ("X-CSRF-Token", token)).await;
    assert_eq!(out.status(), 200);
    let record = record_of(&site, out.headers()["x-request-id"].to_str().unwrap()).await;
    assert_eq!(
        (&record["user_email"], &record["rbac_decision"]),
        (&json!("ada@corp.example"), &json!("allow"))
    );

    let refused = browser.get("/api/v1/me").await;
    assert_eq!(refused.status(), 401);
    let record = record_of(&site, refused.headers()["x-request-id"].to_str().unwrap()).await;
    assert_eq!(record["rbac_decision"], "deny");
    let next = login(&mut site.browser(), "rs", "ada").await.session.unwrap();
    assert_ne!(next, session);
    site.gateway.stop().await;
}
