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

/// As racks do when they are idle for long: by the next request the connection is gone.
#[tokio::test]
async fn a_change_is_not_lost_when_the_rack_closes_idle_connections() {
    let rack = closing_after(Duration::ZERO).await;
    let gateway = TestGateway::with([("RACK_HOST", &rack.url())]).await;
    let token = gateway.token("ops").await;
    for round in 0..20 {
        let (head, body) = ask(&gateway, &token, "POST /apps/web/restart", FORM).await;
        assert_eq!(head.status(), 200, "round {round}: {}", body.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(rack.seen().len(), 20);
}

/// While a request is on its way nobody can know whether the rack still reads it. It is then an error, but what
/// was answered was done once, and nothing was done twice.
#[tokio::test]
async fn a_change_that_meets_a_closing_connection_is_not_done_twice() {
    for pause in [1, 2, 4] {
        let rack = closing_after(Duration::from_millis(pause)).await;
        let gateway = TestGateway::with([("RACK_HOST", &rack.url())]).await;
        let token = gateway.token("ops").await;
        for round in 0..30 {
            let (head, body) =
                ask(&gateway, &token, "POST /apps/web/restart", &format!("{FORM}X-Round: {round}\r\n")).await;
            let done = rack
                .seen()
                .iter()
                .filter(|(head, _)| head.header("x-round") == Some(&round.to_string()))
                .count();
            match head.status() {
                200 => assert_eq!(done, 1, "round {round}"),
                502 => assert_eq!((done, body.text().as_str()), (0, "the connection to the rack broke\n")),
                other => panic!("{other} {}", body.text()),
            }
            tokio::time::sleep(Duration::from_millis(round % 6)).await;
        }
    }
}

/// A rack that serves one request on each connection and hangs up a little later.
async fn closing_after(pause: Duration) -> FakeRack {
    FakeRack::start(move |mut visit| async move {
        visit.request().await;
        visit.wire.send(OK).await;
        tokio::time::sleep(pause).await;
    })
    .await
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
