//! Services die, and come back.

use super::{call, gateway, register, service::Service, show, until, watcher::Watcher};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Looked at each second, and given up soon.
fn checked(slug: &str, service: &Service, deregister_after: u64) -> Value {
    json!({
        "slug": slug, "url": service.url(), "deregisterAfter": deregister_after,
        "check": { "type": "http", "path": "/healthz", "interval": 1, "timeout": 1 },
    })
}

async fn registered(gateway: &crate::support::gateway::TestGateway, token: &str, body: Value) -> String {
    let (status, document) = register(gateway, token, body).await;
    assert_eq!(status, 201, "{document}");
    document["instance"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_killed_service_is_seen_to_die_and_is_removed() {
    let gateway = gateway().await;
    let token = gateway.token("deployer").await;
    let service = Service::start().await;
    let mut watcher = Watcher::open(&gateway, &token, "?slug=web").await;
    let id = registered(&gateway, &token, checked("web", &service, 2)).await;
    let healthy = until(&gateway, &token, &id, |one| one["status"] == "Healthy").await;
    assert!(healthy["lastHeartbeat"].is_string());

    service.kill();
    let down = until(&gateway, &token, &id, |one| one["status"] == "Unreachable").await;
    assert_eq!(down["details"], "connection refused");
    let expired = watcher.wait_for(|kind, data| kind == "expired" && data["instance"]["id"] == *id).await;
    assert_eq!(expired["instance"]["status"], "Unreachable");
    assert_eq!(show(&gateway, &token, &id).await.0, 404);
    let kinds: Vec<_> = watcher.drain().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["registered", "status", "status", "expired"]);

    let beat = format!("PUT /registry-svc/instance/{id}/heartbeat");
    let (status, document) = call(&gateway, &token, &beat, json!({})).await;
    assert_eq!((status.as_u16(), &document["code"]), (404, &"unknown_instance".into()), "register again");
    let back = Service::start().await;
    let again = registered(&gateway, &token, checked("web", &back, 2)).await;
    until(&gateway, &token, &again, |one| one["status"] == "Healthy").await;
}

#[tokio::test]
async fn a_wrong_answer_is_an_error_and_a_busy_one_degrades() {
    let gateway = gateway().await;
    let token = gateway.token("deployer").await;
    let service = Service::start().await;
    let id = registered(&gateway, &token, checked("web", &service, 0)).await;
    until(&gateway, &token, &id, |one| one["status"] == "Healthy").await;
    service.say(429);
    until(&gateway, &token, &id, |one| one["status"] == "Degraded").await;
    service.say(503);
    let wrong = until(&gateway, &token, &id, |one| one["status"] == "Error").await;
    assert_eq!(wrong["details"], "answered 503");
    service.say(200);
    until(&gateway, &token, &id, |one| one["status"] == "Healthy" && one["details"] == "").await;
}

#[tokio::test]
async fn a_lease_ends_without_heartbeats_and_goes_on_with_them() {
    let gateway = gateway().await;
    let token = gateway.token("deployer").await;
    let lease = |slug: &str| {
        json!({
            "slug": slug, "url": "http://10.0.0.1:1", "ttl": 5, "deregisterAfter": 0, "check": { "type": "ttl" },
        })
    };
    let silent = registered(&gateway, &token, lease("silent")).await;
    let steady = registered(&gateway, &token, lease("steady")).await;
    assert_eq!(show(&gateway, &token, &silent).await.1["status"], "Healthy", "registering is a heartbeat");
    let began = Instant::now();
    let beat = format!("PUT /registry-svc/instance/{steady}/heartbeat");
    while show(&gateway, &token, &silent).await.1["status"] != "Unreachable" {
        let (status, document) = call(&gateway, &token, &beat, json!({})).await;
        assert_eq!(status, 200, "{document}");
        assert!(document["deadline"].is_string());
        assert!(began.elapsed() < Duration::from_secs(15), "it is still taken for alive");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert!(began.elapsed() > Duration::from_secs(4), "not before its time");
    assert_eq!(show(&gateway, &token, &steady).await.1["status"], "Healthy");
    let beat = format!("PUT /registry-svc/instance/{silent}/heartbeat");
    assert_eq!(call(&gateway, &token, &beat, json!({})).await.1["status"], "Healthy", "at once");
}

#[tokio::test]
async fn when_most_of_a_service_fails_at_once_nothing_is_removed() {
    let gateway = gateway().await;
    let token = gateway.token("deployer").await;
    let mut services = Vec::new();
    let mut ids = Vec::new();
    for _ in 0..4 {
        let service = Service::start().await;
        ids.push(registered(&gateway, &token, checked("web", &service, 1)).await);
        services.push(service);
    }
    for id in &ids {
        until(&gateway, &token, id, |one| one["status"] == "Healthy").await;
    }
    services.iter().take(3).for_each(Service::kill);
    for id in ids.iter().take(3) {
        until(&gateway, &token, id, |one| one["status"] == "Unreachable").await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (_, list) = call(&gateway, &token, "GET /registry-svc/instances?slug=web", Value::Null).await;
    assert_eq!(list["instances"].as_array().unwrap().len(), 4, "{list}");
    assert_eq!(list["preserved"], json!(["web"]));
    let (_, all) = call(&gateway, &token, "GET /registry-svc/services", Value::Null).await;
    assert_eq!((&all["services"][0]["preserved"], &all["services"][0]["live"]), (&true.into(), &1.into()));
    let metrics = reqwest::get(gateway.ops_url("/metrics")).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("registry_self_preservation"), "it is counted");
}
