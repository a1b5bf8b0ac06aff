//! Long answers over plain HTTP end with the right to them, whether they move or stand still.

use crate::support::{fake_rack::FakeRack, gateway::TestGateway, session::CLI, wire::SOON};
use futures_util::StreamExt as _;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// A rack whose answers begin and never end.
async fn endless(pause: Duration) -> FakeRack {
    FakeRack::start(move |mut visit| async move {
        visit.request().await;
        visit.wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        loop {
            use tokio::io::AsyncWriteExt as _;
            if visit.wire.stream.write_all(b"5\r\nline\n\r\n").await.is_err() {
                return;
            }
            sleep(pause).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_long_answer_ends_with_its_session() {
    for pause in [Duration::from_millis(5), Duration::from_secs(60)] {
        let rack = endless(pause).await;
        let gateway = TestGateway::with([("RACK_HOST", &rack.url())]).await;
        let session = gateway.session_of("viewer", &CLI).await;
        let request = gateway.own(&session.secret, "GET /api/v1/rack-proxy/apps/web/builds/B1.tgz");
        let mut body = request.send().await.unwrap().bytes_stream();
        assert_eq!(&body.next().await.unwrap().unwrap()[..5], b"line\n");

        let (user, now) = (session.user, gateway.clock.now());
        gateway.db.revoke_session(user, session.id, "ended", now).await.unwrap();
        let revoked = Instant::now();
        while let Some(Ok(_)) = body.next().await {
            assert!(revoked.elapsed() < SOON, "still running");
        }
        assert!(revoked.elapsed() < SOON, "{:?}", revoked.elapsed());
        let record = gateway.lines.wait_for(|record| record["action"] == "build.export").await;
        assert!(record["reason"].as_str().unwrap().contains("your access was withdrawn"), "{record}");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn a_long_answer_ends_with_its_permission_and_no_other_does() {
    let rack = endless(Duration::from_millis(5)).await;
    let gateway = TestGateway::with([("RACK_HOST", &rack.url())]).await;
    let (dismissed, other) = (gateway.person("viewer").await, gateway.person("viewer").await);
    let open = async |token: &str| {
        let request = gateway.own(token, "GET /api/v1/rack-proxy/apps/web/builds/B1.tgz");
        request.send().await.unwrap().bytes_stream()
    };
    let (mut cut, mut kept) = (open(&dismissed.token).await, open(&other.token).await);
    gateway.db.remove_grant(dismissed.grant).await.unwrap();
    let removed = Instant::now();
    while let Some(Ok(_)) = cut.next().await {
        assert!(removed.elapsed() < SOON, "still running");
    }
    assert!(kept.next().await.unwrap().is_ok());
}
