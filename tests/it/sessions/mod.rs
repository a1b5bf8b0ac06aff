//! People who are present by a session: who is let in, what must be proved, whose pages may call, and how it ends.

mod csrf;
mod ending;
mod entering;
mod held;
mod hosts;
mod limits;
mod own;
mod proofs;
mod records;
mod replicas;
mod step_up;
mod streams;

use crate::support::{gateway::TestGateway, session::Session};
use serde_json::Value;

/// Status and document of an answer.
async fn read(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or(Value::Null))
}

async fn status_of_me(gateway: &TestGateway, session: &Session) -> u16 {
    gateway.own(&session.secret, "GET /api/v1/me").send().await.unwrap().status().as_u16()
}

/// Every route that may change something and wants a credential, with its parameters filled in.
fn unsafe_routes() -> Vec<String> {
    let routes = rack_gateway::api::routes().into_iter();
    routes
        .filter(|route| route.is_unsafe() && !route.access.is_public())
        .map(|route| format!("{} {}", route.method, filled(route.path)))
        .collect()
}

fn filled(path: &str) -> String {
    let segments = path.split('/').map(|segment| if segment.starts_with('{') { "x" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}
