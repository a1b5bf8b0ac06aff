//! The gateway dials what is registered, so not everything may be.

use super::{LOOPBACK, register, service::Service, until};
use crate::support::gateway::TestGateway;
use serde_json::json;

/// CVE-2022-29153, CVE-2025-67494, CVE-2025-59956: whoever could register an address made the server call it from inside.
#[tokio::test]
async fn what_only_the_gateway_can_reach_is_not_registered() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("deployer").await;
    let own = gateway.url("");
    for url in [
        own.as_str(),
        "http://127.0.0.1:5001",
        "http://localhost",
        "http://[::1]",
        "http://[::ffff:127.0.0.1]",
        "http://[::ffff:a9fe:a9fe]/latest/meta-data",
        "http://169.254.169.254/latest/meta-data",
        "http://[64:ff9b::a9fe:a9fe]",
        "http://[fd00:ec2::254]",
        "http://metadata.google.internal",
        "http://0.0.0.0",
        "http://0177.0.0.1",
        "http://2130706433",
        "http://0x7f.1",
        "http://127.1",
        "http://user@10.0.0.1",
        "file:///etc/passwd",
        "gopher://10.0.0.1",
    ] {
        let (status, document) = register(&gateway, &token, json!({ "slug": "web", "url": url })).await;
        assert_eq!((status.as_u16(), &document["field"]), (400, &"url".into()), "{url}: {document}");
    }
}

#[tokio::test]
async fn the_gateway_s_own_listeners_are_closed_even_where_loopback_is_open() {
    let gateway = TestGateway::with(LOOPBACK).await;
    let token = gateway.token("deployer").await;
    for url in [gateway.url(""), gateway.ops_url("")] {
        let (status, document) = register(&gateway, &token, json!({ "slug": "web", "url": url })).await;
        assert_eq!(status, 400, "{document}");
        assert!(document["error"].as_str().unwrap().contains("gateway's own"), "{document}");
    }
    let service = Service::start().await;
    let (status, _) = register(&gateway, &token, json!({ "slug": "web", "url": service.url() })).await;
    assert_eq!(status, 201);
}

/// CVE-2026-55671 and DNS rebinding: a name is not resolved when it is registered. What it leads to is looked at when it is dialled.
#[tokio::test]
async fn a_name_that_leads_inside_is_not_dialled() {
    let gateway = TestGateway::with([("DIRECTORY_ALLOW_CIDRS", "10.0.0.0/8")]).await;
    let token = gateway.token("deployer").await;
    // The system resolves this name to a loopback address, without asking a name server.
    let name = rack_gateway::directory::node::hostname();
    let found = tokio::net::lookup_host((name.as_str(), 80)).await;
    let body = json!({
        "slug": "web", "host": name, "port": 8080, "check": { "interval": 1, "timeout": 1 },
    });
    let (status, document) = register(&gateway, &token, body).await;
    assert_eq!(status, 201, "{document}");
    let id = document["instance"]["id"].as_str().unwrap();
    let failed =
        until(&gateway, &token, id, |one| one["status"] == "Error" || one["status"] == "Unreachable").await;
    if found.is_ok() {
        assert_eq!(failed["status"], "Error", "{failed}");
        assert!(failed["details"].as_str().unwrap().contains("not allowed here"), "{failed}");
    }
}

/// CVE-2022-29153: an instance that may be registered sent the health check on to one that may not.
#[tokio::test]
async fn a_health_check_follows_no_redirect() {
    let gateway = TestGateway::with(LOOPBACK).await;
    let token = gateway.token("deployer").await;
    let inside = Service::start().await;
    let outside = Service::redirecting(&inside.url()).await;
    let body = json!({ "slug": "web", "url": outside.url(), "check": { "type": "http", "interval": 1, "timeout": 1 } });
    let (status, document) = register(&gateway, &token, body).await;
    assert_eq!(status, 201, "{document}");
    let id = document["instance"]["id"].as_str().unwrap();
    let failed = until(&gateway, &token, id, |one| one["status"] == "Error").await;
    assert!(failed["details"].as_str().unwrap().contains("302"), "{failed}");
    assert!(outside.asked() > 0);
    assert_eq!(inside.asked(), 0, "nobody went there");
}

#[tokio::test]
async fn ports_can_be_limited() {
    let gateway = TestGateway::with([("DIRECTORY_ALLOW_PORTS", "8000-8999")]).await;
    let token = gateway.token("deployer").await;
    let refused = json!({ "slug": "web", "url": "http://10.0.0.1:22" });
    assert_eq!(register(&gateway, &token, refused).await.0, 400);
    let taken = json!({ "slug": "web", "url": "http://10.0.0.1:8080" });
    assert_eq!(register(&gateway, &token, taken).await.0, 201);
}
