//! How long a rack may be silent, and what counts as silence.

use super::faults::ask;
use crate::support::{
    fake_rack::FakeRack,
    gateway::TestGateway,
    wire::{SOON, Wire, basic},
};
use std::time::{Duration, Instant};
use tokio::time::sleep;

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n";

/// A promote says nothing until the whole rollout is done.
#[tokio::test]
async fn a_rack_may_think_for_a_while() {
    let rack = FakeRack::start(|mut visit| async move {
        visit.request().await;
        sleep(Duration::from_secs(4)).await;
        visit.wire.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n").await;
    })
    .await;
    let gateway = TestGateway::with([("RACK_HOST", &rack.url())]).await;
    let token = gateway.token("deployer").await;
    let (head, body) = ask(&gateway, &token, "POST /apps/web/releases/R1/promote", FORM).await;
    assert_eq!((head.status(), body.text().as_str()), (200, "ok\n"));
    let record = gateway.lines.wait_for(|record| record["action"] == "release.promote").await;
    assert!(record["latency_ms"].as_u64().unwrap() >= 4_000, "{record}");
}

#[tokio::test]
async fn a_rack_that_is_silent_for_too_long_is_given_up() {
    let rack = FakeRack::start(|mut visit| async move {
        visit.request().await;
        sleep(Duration::from_secs(60)).await;
    })
    .await;
    let gateway = TestGateway::with([("RACK_HOST", &*rack.url()), ("UPSTREAM_IDLE_TIMEOUT", "1s")]).await;
    let token = gateway.token("deployer").await;
    let started = Instant::now();
    let (head, body) = ask(&gateway, &token, "POST /apps/web/releases/R1/promote", FORM).await;
    assert_eq!((head.status(), body.text().as_str()), (504, "the rack was silent for 1s\n"));
    assert!((Duration::from_secs(1)..SOON).contains(&started.elapsed()));
    let record = gateway.lines.wait_for(|record| record["action"] == "release.promote").await;
    assert_eq!((&record["http_status"], &record["status"]), (&504.into(), &"error".into()));
    assert_eq!(record["reason"], "the rack was silent for 1s");
}

/// Silence is counted from the last byte, not from the first.
#[tokio::test]
async fn an_upload_that_moves_is_not_silence() {
    let gateway = TestGateway::with([("UPSTREAM_IDLE_TIMEOUT", "2500ms")]).await;
    let token = gateway.token("deployer").await;
    let mut wire = Wire::open(gateway.address()).await;
    let path = "/api/v1/rack-proxy/apps/web/objects/tmp/slow.tgz";
    wire.send(format!(
        "POST {path} HTTP/1.1\r\nHost: gateway\r\n{}Content-Length: 3000\r\n\r\n",
        basic(&token)
    ))
    .await;
    for _ in 0..30 {
        wire.send([7; 100]).await;
        sleep(Duration::from_millis(100)).await;
    }
    let head = wire.head().await;
    assert_eq!(head.status(), 200, "{}", wire.body(&head).await.text());
    assert_eq!(gateway.rack.requests().pop().unwrap().body_length, 3000);
}

/// Nor is a download whose bytes come slowly: its first byte was in time.
#[tokio::test]
async fn a_download_that_moves_is_not_silence() {
    let rack = FakeRack::start(|mut visit| async move {
        visit.request().await;
        visit.wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        for _ in 0..8 {
            visit.wire.send("2\r\nok\r\n").await;
            sleep(Duration::from_millis(300)).await;
        }
        visit.wire.send("0\r\n\r\n").await;
    })
    .await;
    let gateway = TestGateway::with([("RACK_HOST", &*rack.url()), ("UPSTREAM_IDLE_TIMEOUT", "2s")]).await;
    let token = gateway.token("viewer").await;
    let (head, body) = ask(&gateway, &token, "GET /apps", "").await;
    assert_eq!((head.status(), body.text()), (200, "ok".repeat(8)));
}

/// A rack that stops in the middle of its answer must not hold the client for ever either.
#[tokio::test]
async fn an_answer_that_stops_is_given_up() {
    let rack = FakeRack::start(|mut visit| async move {
        visit.request().await;
        visit.wire.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{\"name\":").await;
        sleep(Duration::from_secs(60)).await;
    })
    .await;
    let gateway = TestGateway::with([("RACK_HOST", &*rack.url()), ("UPSTREAM_IDLE_TIMEOUT", "1s")]).await;
    let token = gateway.token("viewer").await;
    let (head, body) = ask(&gateway, &token, "GET /apps", "").await;
    assert_eq!(head.status(), 200);
    assert_eq!(body, crate::support::wire::Body::Cut(b"[{\"name\":".to_vec()));
    let record = gateway.lines.wait_for(|record| record["action"] == "app.list").await;
    assert_eq!(record["reason"], "the rack fell silent in the middle of its answer");
}

/// A document that must be read before it can be shown has the same patience.
#[tokio::test]
async fn releases_that_stop_in_the_middle_are_given_up() {
    let rack = FakeRack::start(|mut visit| async move {
        visit.request().await;
        visit.wire.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{\"id\":\"R1\",").await;
        sleep(Duration::from_secs(60)).await;
    })
    .await;
    let gateway = TestGateway::with([("RACK_HOST", &*rack.url()), ("UPSTREAM_IDLE_TIMEOUT", "500ms")]).await;
    let token = gateway.token("deployer").await;
    let (head, body) = ask(&gateway, &token, "GET /apps/web/releases", "").await;
    assert_eq!((head.status(), body.text().as_str()), (504, "the rack was silent for 500ms\n"));
    let (head, _) = ask(
        &gateway,
        &token,
        "POST /apps/web/releases",
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\nenv=A%3D1",
    )
    .await;
    assert_eq!(head.status(), 504);
}
