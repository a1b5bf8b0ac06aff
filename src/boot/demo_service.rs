//! The demo's service, registered as anybody would register one: by a call of the gateway's API.

use crate::demo::hello::Hello;
use serde_json::json;
use std::time::Duration;

const SLUG: &str = "hello";
const PATIENCE: Duration = Duration::from_secs(10);

/// The service, if it could be registered. The demo goes on without it.
pub async fn start(gateway: &str, token: &str) -> Option<Hello> {
    let hello = Hello::start().await.ok()?;
    match register(gateway, token, &hello.url()).await {
        Ok(()) => Some(hello),
        Err(error) => {
            tracing::warn!(%error, "the demo's service could not be registered");
            None
        }
    }
}

async fn register(gateway: &str, token: &str, url: &str) -> Result<(), reqwest::Error> {
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?;
    // Always the same id, so that the next demo takes over where this one ends.
    let instance = json!({ "id": "inst_demo_hello", "slug": SLUG, "url": url, "status": "Healthy" });
    let put = client.put(format!("{gateway}/registry-svc/instance")).bearer_auth(token).json(&instance);
    put.send().await?.error_for_status().map(drop)
}
