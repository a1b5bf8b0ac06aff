//! Administration through the API of a whole gateway.

mod audit;
mod explain;
mod openapi;
mod settings;
mod users;

use crate::support::gateway::TestGateway;
use serde_json::Value;

/// Status and document of a call with a token.
async fn call(gateway: &TestGateway, token: &str, request: &str, body: Value) -> (u16, Value) {
    let mut call = gateway.own(token, request);
    if !body.is_null() {
        call = call.json(&body);
    }
    let answer = call.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

async fn get(gateway: &TestGateway, token: &str, path: &str) -> (u16, Value) {
    call(gateway, token, &format!("GET {path}"), Value::Null).await
}
