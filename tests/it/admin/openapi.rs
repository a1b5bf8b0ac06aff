//! The document that describes the API.

use crate::support::gateway::TestGateway;
use serde_json::Value;

#[tokio::test]
async fn it_is_public_cached_and_the_same_twice() {
    let gateway = TestGateway::start().await;
    let url = gateway.url("/api/v1/openapi.json");
    let client = reqwest::Client::new();
    let answer = client.get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["cache-control"], "public, max-age=300");
    let tag = answer.headers()["etag"].clone();
    let document: Value = answer.json().await.unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["paths"]["/api/v1/users"]["get"]["x-permission"], "gateway:user:read");
    assert_eq!(document["paths"]["/api/v1/users"]["post"]["x-mfa-level"], "always");
    let again = client.get(&url).header("if-none-match", tag).send().await.unwrap();
    assert_eq!(again.status(), 304);
}
