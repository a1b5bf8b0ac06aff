//! `/token`, and what its tickets are good for.

use super::{Front, challenge, document, ticket_of};
use crate::{
    registry::target::{header_of, refused},
    support::{exchange::exchange, gateway::TestGateway},
};
use rack_gateway::identity::token::{self, TokenHash};
use std::time::Duration;

#[tokio::test]
async fn a_stranger_is_shown_the_way_to_a_ticket() {
    let front = Front::start().await;
    let nobody = front.nobody();
    for path in ["/v2/", "/v2"] {
        let answer = nobody.get(path).await;
        let expected = format!(
            "Bearer realm=\"{}\",service=\"{}\"",
            front.gateway.url("/token"),
            front.gateway.address()
        );
        assert_eq!(challenge(&answer), expected, "{path}");
        assert_eq!(header_of(&answer, "docker-distribution-api-version"), "registry/2.0");
        refused(answer, 401, "UNAUTHORIZED").await;
    }
    let answer = nobody.get("/v2/team/app/manifests/v1").await;
    assert!(challenge(&answer).ends_with(",scope=\"repository:team/app:pull\""));
    // What does not exist, is malformed or is no route looks the same to strangers.
    for (method, path) in [
        ("GET", "/v2/Bad/tags/list"),
        ("PUT", "/v2/x"),
        ("DELETE", "/v2/_catalog"),
        ("POST", "/v2/team/app/blobs/uploads/"),
        ("GET", "/v2/_catalog"),
        ("HEAD", "/v2/team/app/manifests/v1"),
    ] {
        challenge(&nobody.send(method, path).await);
    }
}

#[tokio::test]
async fn every_way_to_ask_for_a_ticket_leads_in() {
    let front = Front::start().await;
    let deployer = front.gateway.token("deployer").await;
    let client = reqwest::Client::new();
    let post = || client.post(front.gateway.url("/token"));
    let form = format!(
        "grant_type=password&username=any&password={deployer}&service=x&client_id=y&scope=repository:team/app:*"
    );
    let charset = "application/x-www-form-urlencoded; charset=UTF-8";
    let chunks = form.as_bytes().chunks(7).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()));
    let chunked = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks.collect::<Vec<_>>()));
    for (how, request) in [
        ("basic", front.ask_ticket("?scope=repository:team/app:*").basic_auth("any", Some(&deployer))),
        ("form", post().header("content-type", charset).body(form.clone())),
        ("form in chunks", post().header("content-type", charset).body(chunked)),
    ] {
        let document = document(request.send().await.unwrap()).await;
        assert_eq!(document["scope"], "repository:team/app:pull,push", "{how}: no deployer deletes");
        assert_eq!(document["expires_in"], 300, "{how}");
        assert_eq!(document["token"], document["access_token"], "{how}");
        let by_ticket = front.by_ticket(document["token"].as_str().unwrap());
        assert_eq!(by_ticket.get("/v2/").await.status(), 200, "{how}");
        by_ticket.push_image("team/app", "v1", "ticket").await;
    }
    assert!(!front.gateway.lines.text().contains(&deployer), "a token in the audit log");
}

#[tokio::test]
async fn scopes_are_granted_as_far_as_the_rights_go() {
    let front = Front::start().await;
    let deployer = front.gateway.token_on("deployer", "repo:team/**").await;
    for (query, granted) in [
        (
            "?scope=repository:team/a:pull&scope=repository:team/b:pull,push",
            "repository:team/a:pull repository:team/b:pull,push",
        ),
        (
            "?scope=repository:team/a:pull%20repository:team/b:push",
            "repository:team/a:pull repository:team/b:push",
        ),
        ("?scope=repository:other/a:pull,push", ""),
        ("?scope=repository:team/a:delete", ""),
        ("?scope=repository:team/a:fly", ""),
        ("?scope=registry:catalog:*", ""),
        ("?scope=:&scope=&scope=repository", ""),
        ("", ""),
    ] {
        let answer = front.ask_ticket(query).basic_auth("any", Some(&deployer)).send().await.unwrap();
        assert_eq!(document(answer).await["scope"], granted, "{query}");
    }
}

#[tokio::test]
async fn a_ticket_for_nobody_opens_nothing() {
    let front = Front::start().await;
    front.admin().await.push_image("team/app", "v1", "secret").await;
    let empty = front.ask_ticket("").header("authorization", "Basic Og==").send().await.unwrap();
    for ticket in [ticket_of(empty).await, front.anonymous_ticket().await] {
        let nobody = front.by_ticket(&ticket);
        assert_eq!(nobody.get("/v2/").await.status(), 200);
        for path in ["/v2/team/app/manifests/v1", "/v2/team/app/tags/list", "/v2/no/such/tags/list"] {
            challenge(&nobody.get(path).await);
        }
        challenge(&nobody.send("POST", "/v2/team/app/blobs/uploads/").await);
        let catalog = document(nobody.get("/v2/_catalog").await).await;
        assert_eq!(catalog["repositories"], serde_json::json!([]));
    }
}

#[tokio::test]
async fn who_is_not_known_gets_no_ticket() {
    let front = Front::start().await;
    let unknown = token::generate();
    let wrong = [
        front.ask_ticket("").basic_auth("any", Some(unknown.expose())),
        front.ask_ticket("").basic_auth("any", Some("")),
        front.ask_ticket("").bearer_auth("eyJh.e30.x"),
        // A ticket does not beget tickets.
        front.ask_ticket("").bearer_auth(front.anonymous_ticket().await),
    ];
    for request in wrong {
        let answer = request.send().await.unwrap();
        assert!(challenge(&answer).starts_with("Basic realm="));
        refused(answer, 401, "UNAUTHORIZED").await;
    }
    let answer = front.by(unknown.expose()).get("/v2/").await;
    assert!(challenge(&answer).ends_with(",error=\"invalid_token\""));
}

#[tokio::test]
async fn forms_that_cannot_be_understood_are_told_the_mend() {
    let front = Front::start().await;
    let form = "application/x-www-form-urlencoded";
    for (kind, body, names) in [
        ("application/json", "{}".to_owned(), "x-www-form-urlencoded"),
        (form, "grant_type=password&username=a".to_owned(), "password"),
        (form, "grant_type=refresh_token&refresh_token=x".to_owned(), "grant_type"),
        (form, "password=x".to_owned(), "grant_type"),
        (form, "x".repeat(70_000), "too long"),
    ] {
        let request = reqwest::Client::new().post(front.gateway.url("/token"));
        let answer = request.header("content-type", kind).body(body).send().await.unwrap();
        let refusal = refused(answer, 400, "UNSUPPORTED").await;
        assert!(refusal["errors"][0]["message"].as_str().unwrap().contains(names), "{refusal}");
    }
    let put = reqwest::Client::new().put(front.gateway.url("/token")).send().await.unwrap();
    assert_eq!(header_of(&put, "allow"), "GET, POST");
    assert_eq!(put.status(), 405);
}

/// A ticket lives for minutes, the right behind it does not.
#[tokio::test]
async fn a_ticket_ends_with_its_token() {
    let front = Front::start().await;
    let deployer = front.gateway.token("deployer").await;
    let by_ticket = front.by_ticket(&front.ticket(&deployer).await);
    by_ticket.push_image("team/app", "v1", "before").await;
    revoke(&front.gateway, &deployer).await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    while by_ticket.get("/v2/team/app/tags/list").await.status() == 200 {
        assert!(tokio::time::Instant::now() < deadline, "still welcome");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let answer = by_ticket.send("POST", "/v2/team/app/blobs/uploads/").await;
    assert!(challenge(&answer).ends_with(",error=\"invalid_token\""));
    let again = front.ask_ticket("").basic_auth("any", Some(&deployer)).send().await.unwrap();
    assert_eq!(again.status(), 401);
}

async fn revoke(gateway: &TestGateway, token: &str) {
    let hash = TokenHash::of(token);
    let rows = gateway.db.tokens().await.unwrap();
    let row = rows.into_iter().find(|row| row.hash == hash.as_bytes()).unwrap();
    gateway.db.revoke_token(row.id, gateway.clock.now()).await.unwrap();
}

/// CVE-2025-24976: a registry verified tickets with a key that the ticket itself had brought.
#[tokio::test]
async fn cve_2025_24976_tickets_that_others_made_are_refused() {
    let front = Front::start().await;
    let ticket = front.ticket(&front.gateway.token("admin").await).await;
    let (head, rest) = ticket.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    // {"alg":"none","typ":"JWT"}
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let mut twisted = signature.to_owned();
    let first = if twisted.starts_with('A') { "B" } else { "A" };
    twisted.replace_range(..1, first);
    for forged in [
        format!("{none}.{claims}."),
        format!("{none}.{claims}.{signature}"),
        format!("{head}.{claims}."),
        format!("{head}.{claims}"),
        format!("{head}.{claims}.{twisted}"),
        format!("{ticket}.x"),
        format!("{ticket}="),
    ] {
        let answer = front.by_ticket(&forged).get("/v2/").await;
        assert!(challenge(&answer).ends_with(",error=\"invalid_token\""), "{forged}");
    }
    assert_eq!(front.by_ticket(&ticket).get("/v2/").await.status(), 200);
    // It is a key to the registry only.
    for path in ["/api/v1/me", "/api/v1/rack-proxy/apps"] {
        assert_eq!(front.by_ticket(&ticket).get(path).await.status(), 401, "{path}");
    }
}

/// CVE-2026-33540: clients follow the realm with their passwords, so no header of a request may name it.
#[tokio::test]
async fn cve_2026_33540_the_realm_is_ours_whatever_a_request_says() {
    let front = Front::start().await;
    for lines in [
        "Host: evil.example\r\n",
        "Host: 127.0.0.1\r\nX-Forwarded-Host: evil.example\r\n",
        "Host: 127.0.0.1\r\nForwarded: host=evil.example\r\n",
        "Host: 127.0.0.1@evil.example\r\n",
        "Host: 127.0.0.1.evil.example\r\n",
    ] {
        let request = format!("GET /v2/ HTTP/1.1\r\n{lines}\r\n");
        let answer = exchange(front.gateway.address(), request.as_bytes()).await;
        assert!((400..500).contains(&answer.status), "{lines}: {answer:?}");
        assert!(!answer.head.contains("evil"), "{lines}: {}", answer.head);
    }
}
