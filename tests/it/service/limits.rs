//! Who may call what, and how.

use super::{call, gateway, register, server::Server};
use crate::support::{
    gateway::TestGateway,
    session::{Kind, WEB},
};
use rack_gateway::{
    core::id::TokenId,
    identity::token::{self, TokenHash},
    store::{GrantRow, NewToken, Subject, TokenRow},
};
use serde_json::{Value, json};

/// A token whose owner and itself hold ops on one service, within limits.
async fn limited(gateway: &TestGateway, methods: Option<&str>, below: Option<&str>) -> String {
    let now = gateway.clock.now();
    let id = TokenId::new(now);
    let user = gateway.db.add_user(&format!("limited-{id}@example.com"), "Limited", now).await.unwrap();
    let grant = |subject| {
        GrantRow::new(subject, "ops", "service:web", None, now)
            .limited(methods.map(str::to_owned), below.map(str::to_owned))
    };
    gateway.db.add_grant(&grant(Subject::User(user.id))).await.unwrap();
    let secret = token::generate();
    let token = TokenRow {
        id,
        user_id: user.id,
        name: format!("limited-{id}"),
        hash: TokenHash::of(secret.expose()).as_bytes().to_vec(),
        created_at: now,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
        created_by: None,
    };
    gateway.db.add_token(&NewToken { token, grants: vec![grant(Subject::Token(id))] }).await.unwrap();
    gateway.until_known(secret.expose()).await;
    secret.expose().to_owned()
}

#[tokio::test]
async fn a_viewer_is_refused_with_a_sentence_and_a_stranger_learns_nothing() {
    let gateway = gateway().await;
    let admin = gateway.token("admin").await;
    let server = Server::start("one").await;
    register(&gateway, &admin, "web", server.at).await;
    let viewer = gateway.token("viewer").await;
    for slug in ["web", "there-is-none"] {
        let refused = call(&gateway, &viewer, &format!("GET /{slug}/x")).send().await.unwrap();
        assert_eq!(refused.status().as_u16(), 403);
        let said = refused.text().await.unwrap();
        assert!(
            said.contains(&format!(
                "may not call services on {slug}: the permission service:instance:call is missing"
            )),
            "{said}"
        );
        let stranger = reqwest::get(gateway.url(&format!("/svc/{slug}/x"))).await.unwrap();
        assert_eq!(stranger.status().as_u16(), 401);
    }
    let other = gateway.token_on("ops", "service:billing").await;
    assert_eq!(call(&gateway, &other, "GET /web/x").send().await.unwrap().status().as_u16(), 403);
    assert_eq!(call(&gateway, &other, "GET /billing/x").send().await.unwrap().status().as_u16(), 404);
    assert_eq!(server.hits(), 0);
    let record = gateway.lines.wait_for(|line| line["http_status"] == 403 && line["resource"] == "web").await;
    assert_eq!(
        (&record["permission"], &record["rbac_decision"]),
        (&"service:instance:call".into(), &"deny".into())
    );
}

#[tokio::test]
async fn a_grant_may_be_for_some_methods_and_paths_only() {
    let gateway = gateway().await;
    let admin = gateway.token("admin").await;
    let server = Server::start("one").await;
    register(&gateway, &admin, "web", server.at).await;
    let reader = limited(&gateway, Some("GET,HEAD"), Some("/api/")).await;
    let status =
        async |request: &str| call(&gateway, &reader, request).send().await.unwrap().status().as_u16();
    for allowed in ["GET /web/api/x", "GET /web/api", "HEAD /web/api/x/y", "GET /web/api/x?y=/../z"] {
        assert_eq!(status(allowed).await, 200, "{allowed}");
    }
    let hits = server.hits();
    for refused in [
        "POST /web/api/x",
        "GET /web/",
        "GET /web/apix",
        "DELETE /web/api/x",
        "GET /web/api%2fx",
        "GET /web/api//x",
    ] {
        assert_eq!(status(refused).await, 403, "{refused}");
    }
    assert_eq!(server.hits(), hits);
    let said = call(&gateway, &reader, "POST /web/api/x").send().await.unwrap().text().await.unwrap();
    assert!(said.contains("service:instance:call with GET,HEAD below /api/"), "{said}");
    // It gives nothing else that the role would.
    assert_eq!(gateway.call(&reader, "GET /apps").send().await.unwrap().status().as_u16(), 403);
}

#[tokio::test]
async fn no_path_trick_leads_out_of_a_limit_or_of_the_service() {
    use crate::support::wire::{Wire, basic};
    let gateway = gateway().await;
    let admin = gateway.token("admin").await;
    let server = Server::start("one").await;
    register(&gateway, &admin, "web", server.at).await;
    let reader = limited(&gateway, None, Some("/api/")).await;
    let status = async |token: &str, target: &str| {
        let mut wire = Wire::open(gateway.address()).await;
        wire.send(format!(
            "GET {target} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n{}\r\n",
            basic(token)
        ))
        .await;
        wire.head().await.status()
    };
    for target in [
        "/svc/web/api/../admin",
        "/svc/web/api/%2e%2e/admin",
        "/svc/web/api/..%2fadmin",
        "/svc/web/api/..;/admin",
        "/svc/web/api/%252e%252e/admin",
        "/svc/web/api/x%5c..%5c..%5cadmin",
        "/svc/web//api/x",
        "/svc/web/./api/x",
    ] {
        let status = status(&reader, target).await;
        assert!(matches!(status, 400 | 403), "{target}: {status}");
    }
    // Nobody climbs above a service's root, whatever they hold.
    for target in
        ["/svc/web/../admin", "/svc/web/a/../../admin", "/svc/web/%2e%2e/admin", "/svc/web/..%2fadmin"]
    {
        assert_eq!(status(&admin, target).await, 400, "{target}");
    }
    assert_eq!(status(&admin, "/svc/w%65b/x").await, 404, "a slug has one spelling");
    assert_eq!(status(&admin, "/svc//x").await, 404);
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn limits_are_given_by_the_api_and_nobody_gives_more_than_they_hold() {
    let gateway = gateway().await;
    let fresh = Kind { step_up: Some(gateway.clock.now()), ..WEB };
    let admin = gateway.session_of("admin", &fresh).await;
    let other = gateway.session("viewer").await;
    let add = async |body: Value| {
        let answer = gateway.by_page(&admin, "POST /api/v1/grants").json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let grant = |target: &str, methods: &str, below: &str| json!({ "user": other.email, "role": "ops", "target": target, "methods": methods, "path_prefix": below });
    let (status, made) = add(grant("service:web", "head,get", "/api")).await;
    assert_eq!(
        (status, &made["methods"], &made["path_prefix"]),
        (201, &"GET,HEAD".into(), &"/api/".into()),
        "{made}"
    );
    let (status, twice) = add(grant("service:web", "GET,HEAD", "/api/")).await;
    assert_eq!(status, 409, "{twice}");
    let (status, more) = add(grant("service:web", "POST", "/api/")).await;
    assert_eq!(status, 201, "another grant: {more}");
    for (body, field) in [
        (grant("service:web", "G T", "/api/"), "methods"),
        (grant("service:web", "", "/api/"), "methods"),
        (grant("service:web", "GET", "/a/../b"), "path_prefix"),
        (grant("service:web", "GET", "api"), "path_prefix"),
        (grant("*", "GET", "/api/"), "methods"),
        (grant("staging", "GET", "/api/"), "methods"),
        (
            json!({ "user": other.email, "role": "viewer", "target": "service:web", "path_prefix": "/a" }),
            "path_prefix",
        ),
    ] {
        let (status, refused) = add(body).await;
        assert_eq!((status, &refused["field"]), (400, &field.into()), "{refused}");
    }
}
