//! Connections to a rack are reused, and a request that meets a closing one is neither lost nor sent twice.

use super::faults::ask;
use crate::support::{fake_rack::FakeRack, gateway::TestGateway};
use std::time::Duration;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n";

#[tokio::test]
async fn connections_are_reused() {
    let rack = FakeRack::start(|mut visit| async move {
        while visit.request().await.is_some() {
            visit.wire.send(OK).await;
        }
    })
    .await;
    let gateway = TestGateway::with([("RACK_HOST", &rack.url())]).await;
    let token = gateway.token("viewer").await;
    for _ in 0..20 {
        assert_eq!(ask(&gateway, &token, "GET /apps", "").await.0.status(), 200);
    }
    assert_eq!(rack.connections(), 1);
}

/// The rack closes each connection after its answer, or a little later, while the next request is on its way.
#[tokio::test]
async fn a_change_is_not_lost_when_the_rack_closes_idle_connections() {
    for pause in [0, 1, 2, 5] {
        let rack = FakeRack::start(move |mut visit| async move {
            visit.request().await;
            visit.wire.send(OK).await;
            tokio::time::sleep(Duration::from_millis(pause)).await;
        })
        .await;
        let gateway = TestGateway::with([("RACK_HOST", &rack.url())]).await;
        let token = gateway.token("ops").await;
        for round in 0..20 {
            let (head, body) = ask(&gateway, &token, "POST /apps/web/restart", FORM).await;
            assert_eq!(head.status(), 200, "round {round}, {pause} ms: {}", body.text());
            tokio::time::sleep(Duration::from_millis(round % 7)).await;
        }
        assert_eq!(rack.seen().len(), 20, "each was read once");
    }
}

/// Once a rack may have read a change it is not sent again.
#[tokio::test]
async fn a_change_that_the_rack_has_read_is_not_repeated() {
    let rack = FakeRack::start(|mut visit| async move {
        // The first request of each connection is answered, the second is read and left without an answer.
        if visit.request().await.is_some() {
            visit.wire.send(OK).await;
            visit.request().await;
        }
    })
    .await;
    let gateway = TestGateway::with([("RACK_HOST", &rack.url())]).await;
    let token = gateway.token("ops").await;
    assert_eq!(ask(&gateway, &token, "GET /apps", "").await.0.status(), 200);
    assert_eq!(ask(&gateway, &token, "POST /apps/web/restart", FORM).await.0.status(), 502);
    assert_eq!(rack.seen().iter().filter(|(head, _)| head.first_line.contains("restart")).count(), 1);
    assert_eq!(rack.connections(), 1);
}

/// An answer that was left half read must not be taken for the answer to the next request.
#[tokio::test]
async fn a_connection_with_bytes_left_over_is_not_used_again() {
    let rack = FakeRack::start(|mut visit| async move {
        while visit.request().await.is_some() {
            visit.wire.send(format!("{OK}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen")).await;
        }
    })
    .await;
    let gateway = TestGateway::with([("RACK_HOST", &rack.url())]).await;
    let token = gateway.token("viewer").await;
    for _ in 0..10 {
        let (head, body) = ask(&gateway, &token, "GET /apps", "").await;
        assert_eq!((head.status(), body.text().as_str()), (200, "[]"));
    }
}
