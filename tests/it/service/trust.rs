//! What https instances must show, when they are looked at and when they are called: the operator says so, by slug.

use super::{call, server::Server};
use crate::support::{
    gateway::TestGateway,
    tls::{Authority, Identity, before},
};
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};

/// Registers an instance that is looked at each second, and waits for what is found.
async fn found(gateway: &TestGateway, token: &str, slug: &str, at: SocketAddr) -> (Value, Value) {
    let body = json!({
        "slug": slug, "url": format!("https://{at}"),
        "check": { "type": "http", "interval": 1, "timeout": 1, "failuresBeforeCritical": 1 },
    });
    let answer = gateway.own(token, "PUT /registry-svc/instance").json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    let document: Value = answer.json().await.unwrap();
    let id = document["instance"]["id"].as_str().unwrap().to_owned();
    for _ in 0..600 {
        let show = gateway.own(token, &format!("GET /registry-svc/instance/{id}")).send().await.unwrap();
        let instance = show.json::<Value>().await.unwrap()["instance"].clone();
        if instance["status"] != "Unknown" {
            return (instance["status"].clone(), instance["details"].clone());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody looked at {slug}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_believed_by_the_authority_or_the_certificate_that_its_slug_has() {
    let authority = Authority::new();
    let work = tempfile::tempdir().unwrap();
    let file = work.path().join("ca.pem");
    std::fs::write(&file, &authority.pem).unwrap();
    let own = Identity::self_signed(&["api"]);
    let trust = format!("web={},pinned=sha256:{}", file.display(), own.pin());
    let gateway =
        TestGateway::with([("DIRECTORY_ALLOW_CIDRS", "127.0.0.0/8"), ("SERVICE_TRUST", &trust)]).await;
    let admin = gateway.token("admin").await;
    let server = Server::start("one").await;
    let vouched = before(&authority.sign(&["127.0.0.1"]), server.at).await;
    let pinned = before(&own, server.at).await;
    let status = async |slug: &str| {
        let answer = call(&gateway, &admin, &format!("GET /{slug}/x")).send().await.unwrap();
        answer.status().as_u16()
    };
    for (slug, at) in [("web", vouched), ("pinned", pinned)] {
        assert_eq!(found(&gateway, &admin, slug, at).await, (json!("Healthy"), json!("")), "{slug}");
        assert_eq!(status(slug).await, 200, "{slug}");
    }
    // The same certificates count for nobody else, and not the one for the other.
    for (slug, at) in [("other", vouched), ("alien", pinned)] {
        let (status_found, details) = found(&gateway, &admin, slug, at).await;
        assert_eq!(
            (&status_found, &details),
            (&"Error".into(), &"its TLS or its certificate is not right".into())
        );
        assert_eq!(status(slug).await, 503, "{slug}");
    }
    let body = json!({ "slug": "web", "url": format!("https://{pinned}"), "check": { "type": "none" } });
    let gone = gateway.own(&admin, "GET /registry-svc/instances?slug=web").send().await.unwrap();
    let id = gone.json::<Value>().await.unwrap()["instances"][0]["id"].as_str().unwrap().to_owned();
    assert!(
        gateway
            .own(&admin, &format!("DELETE /registry-svc/instance/{id}"))
            .send()
            .await
            .unwrap()
            .status()
            .is_success()
    );
    let added = gateway.own(&admin, "PUT /registry-svc/instance").json(&body).send().await.unwrap();
    assert!(added.status().is_success());
    assert_eq!(status("web").await, 502, "a certificate of no authority of its own");
}
