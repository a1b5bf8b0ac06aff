//! What the bodies of calls may be.

use super::read;
use crate::support::{gateway::TestGateway, session::Session, wire::SOON};
use serde_json::Value;
use std::time::Instant;

const ROUTE: &str = "POST /api/v1/sessions/revoke-others";

async fn send(gateway: &TestGateway, session: &Session, body: Vec<u8>) -> (u16, Value) {
    let request = gateway.own(&session.secret, ROUTE).header("content-type", "application/json");
    read(request.body(body)).await
}

/// CVE-2025-6203, CVE-2025-59043: documents that cost more to read than to send.
#[tokio::test]
async fn cve_2025_6203_json_bombs() {
    let gateway = TestGateway::start().await;
    let session = gateway.session("viewer").await;
    for bomb in [
        "[".repeat(128),
        "{\"a\":".repeat(128),
        format!("{}1{}", "[".repeat(128), "]".repeat(128)),
        format!("{{{}}}", vec!["\"k\":1"; 100_000].join(",")),
    ] {
        let started = Instant::now();
        let (status, document) = send(&gateway, &session, bomb.into_bytes()).await;
        assert_eq!((status, &document["code"]), (400, &"bad_body".into()), "{document}");
        assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    }
    let (status, _) = send(&gateway, &session, vec![b'"'; 10 << 20]).await;
    assert_eq!(status, 413);
}

#[tokio::test]
async fn bodies_have_a_limit_announced_or_not() {
    let gateway = TestGateway::with([("MAX_API_BODY_BYTES", "2KiB")]).await;
    let session = gateway.session("viewer").await;
    assert_eq!(send(&gateway, &session, vec![b' '; 2_048]).await.0, 200);
    let (status, document) = send(&gateway, &session, vec![b' '; 2_049]).await;
    assert_eq!((status, &document["code"]), (413, &"body_too_large".into()));
    let chunks = futures_util::stream::iter((0..64).map(|_| Ok::<_, std::io::Error>(vec![b' '; 64])));
    let request = gateway.own(&session.secret, ROUTE).body(reqwest::Body::wrap_stream(chunks));
    assert_eq!(read(request).await.0, 413);
}

/// RUSTSEC-2022-0055, GHSA-q8g9-jc4c-jp6q: who is nobody sends no bodies.
#[tokio::test]
async fn strangers_are_refused_before_their_body() {
    let gateway = TestGateway::start().await;
    let request = format!(
        "POST /api/v1/sessions/revoke-others HTTP/1.1\r\nHost: gateway\r\nContent-Length: {}\r\n\r\n",
        1u64 << 40
    );
    let answer = crate::support::exchange::exchange(gateway.address(), request.as_bytes()).await;
    assert_eq!(answer.status, 401);
}
