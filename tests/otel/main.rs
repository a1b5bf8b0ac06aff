//! Traces of whole gateways, as a collector gets them. Only with `--features otel`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets what it did not expect fails"
)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test says what it leaves out")]

mod canaries;
mod collector;
mod exemplars;
mod failing;
mod rooms;
mod sampling;
#[path = "../it/service/server.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod server;
#[path = "../it/support/mod.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;
mod tree;

use collector::Collector;
use support::gateway::TestGateway;

/// A caller's span, sampled.
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// A gateway that traces, with more variables.
async fn traced(collector: &Collector, variables: &[(&str, &str)]) -> TestGateway {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str());
    gateway(&[variables, &[endpoint]].concat()).await
}

async fn gateway(variables: &[(&str, &str)]) -> TestGateway {
    let usual = [("RATE_LIMIT_PER_MINUTE", "1000000"), ("DIRECTORY_ALLOW_CIDRS", "127.0.0.0/8")];
    let all = [&usual, variables].concat();
    // There is room for eight; the last may stand there repeatedly.
    let nth = |index: usize| all[index.min(all.len() - 1)];
    TestGateway::with([0, 1, 2, 3, 4, 5, 6, 7].map(nth)).await
}

/// A request's id, as its answer tells it.
fn id_of(answer: &reqwest::Response) -> String {
    answer.headers()["x-request-id"].to_str().unwrap().to_owned()
}
