//! Calls of services through a whole gateway, from registration to the record.

mod agent;
mod behind;
mod commands;
mod hostile;
mod identity;
mod kill_nine;
mod killed;
mod limits;
mod passage;
mod racks;
pub mod server;
mod small;
mod trust;

use crate::support::gateway::TestGateway;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// Services on this machine may be registered.
pub async fn gateway() -> TestGateway {
    TestGateway::with([("DIRECTORY_ALLOW_CIDRS", "127.0.0.0/8"), ("RATE_LIMIT_PER_MINUTE", "1000000")]).await
}

/// Registers an instance and gives its id.
pub async fn register(gateway: &TestGateway, token: &str, slug: &str, at: SocketAddr) -> String {
    let body = json!({ "slug": slug, "url": format!("http://{at}"), "status": "Healthy", "check": { "type": "none" } });
    let answer = gateway.own(token, "PUT /registry-svc/instance").json(&body).send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "{status} {text}");
    let document: Value = serde_json::from_str(&text).unwrap();
    document["instance"]["id"].as_str().unwrap().to_owned()
}

/// A call of a service, as in `GET /web/x`.
pub fn call(gateway: &TestGateway, token: &str, request: &str) -> reqwest::RequestBuilder {
    let (method, path) = request.split_once(' ').unwrap();
    gateway.own(token, &format!("{method} /svc{path}"))
}
