//! The directory of services through a whole gateway.

mod liveness;
mod nodes;
mod ownership;
mod partition;
mod replicas;
mod service;
mod ssrf;
mod watch;
pub mod watcher;
mod wire;

use crate::support::gateway::TestGateway;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

/// Services of tests listen on this machine.
const LOOPBACK: [(&str, &str); 2] =
    [("DIRECTORY_ALLOW_CIDRS", "127.0.0.0/8,10.0.0.0/8"), ("RATE_LIMIT_PER_MINUTE", "1000000")];

async fn gateway() -> TestGateway {
    TestGateway::with(LOOPBACK).await
}

/// Status and document of a call.
async fn call(gateway: &TestGateway, token: &str, request: &str, body: Value) -> (StatusCode, Value) {
    let request = gateway.own(token, request);
    let request = if body.is_null() { request } else { request.json(&body) };
    let answer = request.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap_or_default())
}

async fn register(gateway: &TestGateway, token: &str, body: Value) -> (StatusCode, Value) {
    call(gateway, token, "PUT /registry-svc/instance", body).await
}

/// Registered and nothing else: nobody looks at it.
async fn registered(gateway: &TestGateway, token: &str, slug: &str, url: &str) -> Value {
    let body = json!({ "slug": slug, "url": url, "check": { "type": "none" } });
    let (status, document) = register(gateway, token, body).await;
    assert_eq!(status, 201, "{document}");
    document["instance"].clone()
}

async fn show(gateway: &TestGateway, token: &str, id: &str) -> (StatusCode, Value) {
    let (status, document) =
        call(gateway, token, &format!("GET /registry-svc/instance/{id}"), Value::Null).await;
    (status, document["instance"].clone())
}

/// Waits until the instance is as wanted, and gives it back.
async fn until(gateway: &TestGateway, token: &str, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..400 {
        let (_, instance) = show(gateway, token, id).await;
        if wanted(&instance) {
            return instance;
        }
        last = instance;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it did not come to that: {last}");
}
