//! Attacks that have worked on other gateways, each as a test that it does not work here. The names carry the
//! number under which the precedent was published.

mod credentials;
mod decisions;
mod exhaustion;
mod headers;
mod public_routes;
mod smuggling;
mod targets;
pub mod upstream;

use crate::support::{exchange::Wire, gateway::TestGateway};
use rack_gateway::demo::rack::SeenRequest;
use serde_json::Value;
use std::time::Duration;

/// A request with a token and further header lines, byte by byte. `request` is as in `GET /api/v1/me`.
fn raw(request: &str, token: &str, lines: &str) -> Vec<u8> {
    format!("{request} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {token}\r\n{lines}\r\n")
        .into_bytes()
}

const APPS: &str = "GET /api/v1/rack-proxy/apps";

/// With room for as many requests as a test needs.
async fn unlimited() -> TestGateway {
    TestGateway::with([("RATE_LIMIT_PER_MINUTE", "1000000000")]).await
}

/// A connection that is opened again when the gateway has closed it.
struct Patient<'a> {
    gateway: &'a TestGateway,
    wire: Option<Wire>,
}

impl<'a> Patient<'a> {
    fn to(gateway: &'a TestGateway) -> Self {
        Self { gateway, wire: None }
    }

    async fn ask(&mut self, request: &[u8]) -> crate::support::exchange::Answer {
        let mut wire = match self.wire.take() {
            Some(wire) => wire,
            None => Wire::open(self.gateway.address()).await,
        };
        wire.send(request).await;
        let answer = wire.answer().await.unwrap_or_else(|| panic!("no answer to {}", request.escape_ascii()));
        if answer.header("connection") != Some("close") {
            self.wire = Some(wire);
        }
        answer
    }
}

fn header_values<'a>(seen: &'a SeenRequest, name: &str) -> Vec<&'a str> {
    let named = |header: &str| header.replace('_', "-").eq_ignore_ascii_case(name);
    seen.headers.iter().filter(|(header, _)| named(header)).map(|(_, value)| value.as_str()).collect()
}

/// Waits until so many calls to the rack are recorded, and returns them.
async fn rack_records(gateway: &TestGateway, count: usize) -> Vec<Value> {
    let is_call = |record: &Value| record["event"] == "outcome" && record["action"] != "user.whoami";
    for _ in 0..500 {
        if gateway.lines.text().lines().count() >= count {
            let records: Vec<_> = gateway.lines.records().into_iter().filter(is_call).collect();
            if records.len() >= count {
                return records;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("fewer than {count} records of calls among {}", gateway.lines.records().len());
}
