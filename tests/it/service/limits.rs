//! Who may call what, and how.

use super::{call, gateway, register, server::Server};
use crate::support::gateway::TestGateway;
use rack_gateway::{
    core::id::TokenId,
    identity::{
        change::{
            Actor,
            grants::{self, Holder, NewGrant},
        },
        token::{self, TokenHash},
    },
    policy::CallLimits,
    store::{GrantRow, NewToken, Subject, TokenRow},
};
use serde_json::Value;

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
    let made =
        TokenRow::new(user.id, format!("limited-{id}"), TokenHash::of(secret.expose()).as_bytes(), now);
    let token = TokenRow { id, ..made };
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
async fn limits_are_for_calls_of_services_and_stand_in_the_grant() {
    let gateway = gateway().await;
    let person = gateway.person("viewer").await;
    let holder = Holder::User(person.email.clone());
    let add = async |role: &str, target: &str, methods: Option<&str>, below: Option<&str>| {
        let new = NewGrant {
            role: role.to_owned(),
            target: target.parse().unwrap(),
            expires_at: None,
            limits: CallLimits::read(methods, below).unwrap(),
        };
        let added = grants::add(&gateway.db, &Actor::Operator, gateway.clock.now(), &holder, &new).await;
        added.map(|done| done.value).map_err(|refused| refused.to_string())
    };
    let made = add("ops", "service:web", Some("head,get"), Some("/api")).await.unwrap();
    assert_eq!((made.methods.as_deref(), made.path_prefix.as_deref()), (Some("GET,HEAD"), Some("/api/")));
    let twice = add("ops", "service:web", Some("GET,HEAD"), Some("/api/")).await.unwrap_err();
    assert!(twice.contains("held already"), "{twice}");
    add("ops", "service:web", Some("POST"), Some("/api/")).await.expect("another grant");
    for (role, target, expected) in [
        ("ops", "*", "begin the target with service:"),
        ("ops", "staging", "begin the target with service:"),
        ("viewer", "service:web", "does not hold service:instance:call"),
    ] {
        let refused = add(role, target, Some("GET"), None).await.unwrap_err();
        assert!(refused.contains(expected), "{role} on {target}: {refused}");
    }

    let admin = gateway.token("admin").await;
    let path = format!("GET /api/v1/grants?user={}&target=service:web", person.email);
    let list: Value = gateway.own(&admin, &path).send().await.unwrap().json().await.unwrap();
    assert_eq!(list["grants"][0]["methods"], "GET,HEAD", "{list}");
    assert_eq!(list["grants"][0]["path_prefix"], "/api/");
    let path = format!(
        "GET /api/v1/access/explain?permission=service:instance:call&target=service:web&user={}",
        person.email
    );
    let said: Value = gateway.own(&admin, &path).send().await.unwrap().json().await.unwrap();
    assert_eq!((&said["allowed"], &said["missing"]), (&false.into(), &"limits".into()), "{said}");
    assert!(said["because"].as_str().unwrap().contains("for some calls only"), "{said}");
}
