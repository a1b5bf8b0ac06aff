//! Tokens: how they may be shown, and how soon they stop to count.

use crate::support::gateway::{TestGateway, until_status};
use rack_gateway::{
    core::id::TokenId,
    identity::token::{self, TokenHash},
    store::{GrantRow, NewToken, Subject, TokenRow},
};
use std::time::Duration;

async fn row(gateway: &TestGateway, token: &str) -> TokenRow {
    let hash = TokenHash::of(token);
    gateway.db.tokens().await.unwrap().into_iter().find(|row| row.hash == hash.as_bytes()).unwrap()
}

async fn owner(gateway: &TestGateway, token: &str) -> String {
    let id = row(gateway, token).await.user_id;
    gateway.db.users().await.unwrap().into_iter().find(|user| user.id == id).unwrap().email
}

async fn status(gateway: &TestGateway, token: &str) -> u16 {
    gateway.call(token, "GET /apps").send().await.unwrap().status().as_u16()
}

async fn refused_soon(gateway: &TestGateway, token: &str, reason: &str) {
    until_status(|| gateway.call(token, "GET /apps"), 401).await;
    let answer = gateway.call(token, "GET /apps").send().await.unwrap();
    assert_eq!(answer.status(), 401);
    let sentence = answer.text().await.unwrap();
    assert!(
        !sentence.contains("revoked") && !sentence.contains("expired") && !sentence.contains("locked"),
        "{sentence}"
    );
    let record = gateway.lines.wait_for(|record| record["reason"] == reason).await;
    assert_eq!(record["rbac_decision"], "deny");
}

#[tokio::test]
async fn a_revoked_token_is_refused_soon() {
    let gateway = TestGateway::start().await;
    let viewer = gateway.token("viewer").await;
    assert_eq!(status(&gateway, &viewer).await, 200);
    gateway.db.revoke_token(row(&gateway, &viewer).await.id, gateway.clock.now()).await.unwrap();
    refused_soon(&gateway, &viewer, "token_revoked").await;
}

#[tokio::test]
async fn a_locked_owner_is_refused_soon_and_welcome_when_unlocked() {
    let gateway = TestGateway::start().await;
    let viewer = gateway.token("viewer").await;
    let email = owner(&gateway, &viewer).await;
    gateway.db.set_user_lock(&email, Some((gateway.clock.now(), "left"))).await.unwrap();
    refused_soon(&gateway, &viewer, "owner_locked").await;
    gateway.db.set_user_lock(&email, None).await.unwrap();
    until_status(|| gateway.call(&viewer, "GET /apps"), 200).await;
    assert_eq!(status(&gateway, &viewer).await, 200);
}

#[tokio::test]
async fn a_token_ends_when_it_was_said_to() {
    let gateway = TestGateway::start().await;
    let viewer = gateway.token("viewer").await;
    let now = gateway.clock.now();
    let (secret, id) = (token::generate(), TokenId::new(now));
    let token = TokenRow {
        id,
        name: "short".into(),
        hash: TokenHash::of(secret.expose()).as_bytes().to_vec(),
        expires_at: Some(now.saturating_add(Duration::from_secs(4))),
        ..row(&gateway, &viewer).await
    };
    let grants = vec![GrantRow::new(Subject::Token(id), "viewer", "*", None, now)];
    gateway.db.add_token(&NewToken { token, grants }).await.unwrap();
    until_status(|| gateway.call(secret.expose(), "GET /apps"), 200).await;
    assert_eq!(status(&gateway, secret.expose()).await, 200);
    tokio::time::sleep(Duration::from_secs(3)).await;
    refused_soon(&gateway, secret.expose(), "token_expired").await;
    assert_eq!(status(&gateway, &viewer).await, 200, "the owner's other token lives on");
}

#[tokio::test]
async fn when_the_owner_loses_a_role_the_token_loses_it_too() {
    let gateway = TestGateway::start().await;
    let ops = gateway.token("ops").await;
    let user = row(&gateway, &ops).await.user_id;
    let grant =
        gateway.db.grants().await.unwrap().into_iter().find(|grant| grant.user_id == Some(user)).unwrap();
    gateway.db.remove_grant(grant.id).await.unwrap();
    gateway
        .db
        .add_grant(&GrantRow::new(Subject::User(user), "viewer", "*", None, gateway.clock.now()))
        .await
        .unwrap();
    let restart = || gateway.call(&ops, "POST /apps/web/restart");
    until_status(restart, 403).await;
    // The gateway may have seen the first of the two changes alone.
    until_status(|| gateway.call(&ops, "GET /apps"), 200).await;
    assert_eq!(status(&gateway, &ops).await, 200, "what the owner still may, the token may");
    let restart = restart().send().await.unwrap();
    assert_eq!(restart.status(), 403);
    let sentence = restart.text().await.unwrap();
    assert!(
        sentence.ends_with("the token has the permission convox:app:restart, its owner has not\n"),
        "{sentence}"
    );
}

#[tokio::test]
async fn a_grant_on_one_app_is_one_on_no_other() {
    let gateway = TestGateway::start().await;
    let ops = gateway.token_on("ops", "demo/web").await;
    for (request, expected) in [
        ("GET /apps/web", 200),
        ("POST /apps/web/restart", 200),
        ("GET /apps/api", 403),
        ("POST /apps/api/restart", 403),
        ("GET /apps/web;x", 403),
        ("GET /apps/Web", 403),
        ("GET /apps", 403),
        ("GET /system", 403),
    ] {
        let answer = gateway.call(&ops, request).send().await.unwrap();
        assert_eq!(answer.status(), expected, "{request}");
    }
}

/// CVE-2026-27840: a truncated token was taken for the whole.
#[tokio::test]
async fn cve_2026_27840_no_part_of_a_token_is_a_token() {
    let gateway = TestGateway::start().await;
    let viewer = gateway.token("viewer").await;
    let prefixes = (0..viewer.len()).map(|end| viewer[..end].to_owned());
    let suffixes = (1..viewer.len()).step_by(7).map(|start| viewer[start..].to_owned());
    let twisted = [
        format!("{viewer}x"),
        format!("{viewer}{viewer}"),
        viewer.to_ascii_lowercase(),
        viewer.to_ascii_uppercase(),
        viewer.replace("rgw_", "rgw-"),
        format!("{viewer}\u{e9}"),
        token::generate().expose().to_owned(),
    ];
    for part in prefixes.chain(suffixes).chain(twisted) {
        assert_eq!(status(&gateway, &part).await, 401, "{} characters", part.len());
    }
    assert_eq!(status(&gateway, &viewer).await, 200);
}

#[tokio::test]
async fn a_token_may_be_shown_in_several_ways_but_once() {
    let gateway = TestGateway::start().await;
    let viewer = gateway.token("viewer").await;
    let encoded: String = viewer.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let call = || gateway.anonymous("GET /apps");
    for (how, call) in [
        ("basic", call().basic_auth("convox", Some(&viewer))),
        ("another user name", call().basic_auth("jwt", Some(&viewer))),
        ("no user name", call().basic_auth("", Some(&viewer))),
        ("percent-encoded, as from a RACK_URL", call().basic_auth("convox", Some(&encoded))),
        ("bearer", call().bearer_auth(&viewer)),
        ("bearer in capitals", call().header("authorization", format!("BEARER {viewer}"))),
    ] {
        assert_eq!(call.send().await.unwrap().status(), 200, "{how}");
    }
    for (how, call) in [
        ("as user name", call().basic_auth(&viewer, Some(""))),
        ("twice", call().bearer_auth(&viewer).bearer_auth(&viewer)),
        ("basic and bearer", call().basic_auth("convox", Some(&viewer)).bearer_auth(&viewer)),
        ("no scheme", call().header("authorization", &viewer)),
        ("another scheme", call().header("authorization", format!("Token {viewer}"))),
        ("a cookie", call().header("cookie", format!("token={viewer}"))),
        ("proxy", call().header("proxy-authorization", format!("Bearer {viewer}"))),
        ("registry header", call().header("x-registry-token", &viewer)),
    ] {
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status(), 401, "{how}");
        assert!(answer.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic realm="), "{how}");
    }
    let query = gateway.anonymous(&format!("GET /apps?token={viewer}")).send().await.unwrap();
    assert_eq!(query.status(), 401);
    assert!(!gateway.lines.text().contains(&viewer), "a token in the audit log");
}

#[tokio::test]
async fn its_last_use_is_written_down() {
    let gateway = TestGateway::start().await;
    let began = gateway.clock.now();
    let viewer = gateway.token("viewer").await;
    let noted = async {
        loop {
            if let Some(at) = row(&gateway, &viewer).await.last_used_at {
                return at;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let at = tokio::time::timeout(Duration::from_secs(15), noted).await.unwrap();
    assert!(at >= began && at <= gateway.clock.now());
}
