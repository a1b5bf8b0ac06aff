//! A collector that is away, or slow, or refuses: nobody waits for it but the process's own end, for a little while.

use crate::{
    collector::Collector,
    gateway, id_of,
    support::{gateway::TestGateway, wire::SOON},
    traced,
};
use std::time::Duration;
use tokio::{
    net::TcpListener,
    time::{Instant, sleep},
};

async fn metric(gateway: &TestGateway, name: &str) -> f64 {
    let text = reqwest::get(gateway.ops_url("/metrics")).await.unwrap().text().await.unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

/// Asks so many times; the slowest answer.
async fn ask(gateway: &TestGateway, token: &str, count: usize) -> Duration {
    let mut slowest = Duration::ZERO;
    for _ in 0..count {
        let started = Instant::now();
        assert_eq!(gateway.call(token, "GET /apps").send().await.unwrap().status(), 200);
        slowest = slowest.max(started.elapsed());
    }
    slowest
}

/// Requests that are answered as ever, while spans are dropped, and an end in good time.
async fn costs_spans_and_nothing_else(endpoint: &str, requests: usize, stops_within: Duration) {
    let gateway = gateway(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)]).await;
    let token = gateway.token("viewer").await;
    let before = metric(&gateway, "trace_spans_dropped_total").await;
    let slowest = ask(&gateway, &token, requests).await;
    assert!(slowest < Duration::from_secs(8), "{slowest:?}");
    until_dropped(&gateway, before).await;
    let started = Instant::now();
    assert!(gateway.stop().await.recorded);
    assert!(started.elapsed() < stops_within, "{:?}", started.elapsed());
}

async fn until_dropped(gateway: &TestGateway, before: f64) {
    let started = Instant::now();
    while metric(gateway, "trace_spans_dropped_total").await <= before {
        assert!(started.elapsed() < SOON, "nothing was dropped");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_collector_costs_spans_and_nothing_else() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    costs_spans_and_nothing_else(&format!("http://{address}"), 20, Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_never_answers_fills_the_queue_and_no_more() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    // Each has eight spans or more, and there is room for some 2,600.
    costs_spans_and_nothing_else(&endpoint, 400, Duration::from_secs(9)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_the_process_sends_what_is_left() {
    let collector = Collector::start().await;
    let gateway = traced(&collector, &[]).await;
    let token = gateway.token("viewer").await;
    let answer = gateway.call(&token, "GET /apps").send().await.unwrap();
    let id = id_of(&answer);
    drop(answer);
    let started = Instant::now();
    gateway.stop().await;
    assert!(started.elapsed() < Duration::from_secs(9), "{:?}", started.elapsed());
    let roots = collector.spans();
    assert!(roots.iter().any(|span| span.attributes.get("request_id") == Some(&id)), "{roots:#?}");
}

#[tokio::test]
async fn headers_from_a_file_reach_the_collector() {
    let collector = Collector::start().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("headers");
    std::fs::write(&path, "api-key=hunter2,x-scope=a%20b\n").unwrap();
    let gateway = traced(&collector, &[("OTEL_EXPORTER_OTLP_HEADERS_FILE", path.to_str().unwrap())]).await;
    let token = gateway.token("viewer").await;
    let answer = gateway.call(&token, "GET /apps").send().await.unwrap();
    collector.tree(&id_of(&answer)).await;
    let headers = collector.headers();
    assert_eq!(
        (&headers[0]["api-key"], &headers[0]["x-scope"]),
        (&"hunter2".parse().unwrap(), &"a b".parse().unwrap())
    );
}
