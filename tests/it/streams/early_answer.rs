//! An upload that is answered before it has been read.

use crate::support::{
    fake_rack::FakeRack,
    gateway::TestGateway,
    wire::{SOON, Wire, basic},
};
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncWriteExt as _, split},
    time::{sleep, timeout},
};

const LENGTH: usize = 64 * 1024 * 1024;
const NO: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n";

/// Uploads for as long as the gateway takes it, and reads the answer meanwhile.
async fn upload(gateway: &TestGateway, authorization: &str, path: &str) -> (u16, String) {
    let wire = Wire::open(gateway.address()).await;
    let (read, mut write) = split(wire.stream);
    let head = format!(
        "POST /api/v1/rack-proxy{path} HTTP/1.1\r\nHost: gateway\r\n{authorization}Content-Length: {LENGTH}\r\n\r\n"
    );
    let writing = tokio::spawn(async move {
        write.write_all(head.as_bytes()).await.unwrap();
        let piece = vec![0; 64 * 1024];
        for _ in 0..LENGTH / piece.len() {
            if write.write_all(&piece).await.is_err() {
                break;
            }
        }
        write
    });
    let mut wire = Wire::on(tokio::io::join(read, tokio::io::sink()));
    let head = wire.head().await;
    let body = wire.body(&head).await;
    drop(wire);
    writing.abort();
    (head.status(), body.text())
}

#[tokio::test]
async fn the_racks_early_answer_reaches_a_client_that_still_sends() {
    let reads_on = FakeRack::start(|mut visit| async move {
        visit.wire.try_head().await;
        visit.wire.send(NO).await;
        // Goes on reading, as a server should that is about to hang up.
        while visit.wire.fill().await {
            visit.wire.buffered.clear();
        }
    })
    .await;
    let waits = FakeRack::start(|mut visit| async move {
        visit.wire.try_head().await;
        visit.wire.send(NO).await;
        sleep(Duration::from_secs(60)).await;
    })
    .await;
    for rack in [reads_on, waits] {
        let gateway = TestGateway::with([("RACK_HOST", &rack.url())]).await;
        let token = gateway.token("deployer").await;
        let started = Instant::now();
        let (status, body) = upload(&gateway, &basic(&token), "/apps/web/objects/tmp/a.tgz").await;
        assert_eq!((status, body.as_str()), (403, "no\n"));
        assert!(started.elapsed() < SOON);
        let record = gateway.lines.wait_for(|record| record["action"] == "object.create").await;
        assert_eq!((&record["http_status"], &record["rbac_decision"]), (&403.into(), &"allow".into()));
    }
}

/// A rack that answers and resets: the answer may be lost on the way, the client must not hang.
#[tokio::test]
async fn a_rack_that_answers_early_and_resets_does_not_hang_the_client() {
    let rack = FakeRack::start(|mut visit| async move {
        visit.wire.try_head().await;
        visit.wire.send(NO).await;
    })
    .await;
    let gateway = TestGateway::with([("RACK_HOST", &rack.url())]).await;
    let token = gateway.token("deployer").await;
    for _ in 0..5 {
        let answered = timeout(SOON, upload(&gateway, &basic(&token), "/apps/web/objects/tmp/a.tgz")).await;
        let (status, body) = answered.unwrap();
        assert!(matches!(status, 403 | 502), "{status} {body}");
    }
}

/// Nothing of an upload is read for somebody who may not make it.
#[tokio::test]
async fn refusals_come_before_the_upload() {
    let gateway = TestGateway::start().await;
    let viewer = basic(&gateway.token("viewer").await);
    for (authorization, path, status) in [
        ("", "/apps/web/objects/tmp/a.tgz", 401),
        (viewer.as_str(), "/apps/web/objects/tmp/a.tgz", 403),
        ("", "/apps/web/releases", 401),
        (viewer.as_str(), "/apps/web/releases", 403),
        (viewer.as_str(), "/no/such/route", 404),
        (viewer.as_str(), "/apps/web%2Fx/objects/a", 400),
    ] {
        let (answered, body) = upload(&gateway, authorization, path).await;
        assert_eq!(answered, status, "{path} {body}");
    }
    assert!(gateway.rack.requests().is_empty());
}

/// The client asks first, so it learns of the refusal without sending a byte.
#[tokio::test]
async fn a_client_that_expects_100_is_refused_without_it() {
    let gateway = TestGateway::start().await;
    let (viewer, deployer) = (gateway.token("viewer").await, gateway.token("deployer").await);
    for (token, status) in [(viewer, 403), (deployer, 100)] {
        let mut wire = Wire::open(gateway.address()).await;
        let path = "/api/v1/rack-proxy/apps/web/objects/tmp/a.tgz";
        let headers =
            format!("Host: gateway\r\n{}Expect: 100-continue\r\nContent-Length: 3\r\n", basic(&token));
        wire.send(format!("POST {path} HTTP/1.1\r\n{headers}\r\n")).await;
        assert_eq!(wire.head().await.status(), status);
        if status == 100 {
            wire.send("abc").await;
            assert_eq!(wire.head().await.status(), 200);
        }
    }
}
