//! A rack that is away, dies, or talks nonsense.

use crate::support::{
    fake_rack::FakeRack,
    gateway::TestGateway,
    wire::{Body, Head, SOON, Wire, basic},
};
use serde_json::Value;
use std::sync::Arc;
use tokio::{net::TcpListener, sync::Notify};

/// One request on a connection of its own.
pub async fn ask(gateway: &TestGateway, token: &str, line: &str, headers: &str) -> (Head, Body) {
    let mut wire = Wire::open(gateway.address()).await;
    let (method, path) = line.split_once(' ').unwrap();
    let request = format!(
        "{method} /api/v1/rack-proxy{path} HTTP/1.1\r\nHost: gateway\r\n{}{headers}\r\n",
        basic(token)
    );
    wire.send(request).await;
    let head = wire.head().await;
    let body = wire.body(&head).await;
    (head, body)
}

/// Lists apps through a gateway before this rack.
async fn list_apps(rack: &FakeRack) -> (TestGateway, Head, Body) {
    let gateway = TestGateway::with([("RACK_HOST", &rack.url())]).await;
    let token = gateway.token("viewer").await;
    let (head, body) = ask(&gateway, &token, "GET /apps", "").await;
    (gateway, head, body)
}

#[tokio::test]
async fn a_rack_that_is_not_there_is_unreachable() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let gateway = TestGateway::with([("RACK_HOST", &format!("http://{unused}"))]).await;
    let token = gateway.token("viewer").await;
    let (head, body) = ask(&gateway, &token, "GET /apps", "Accept: application/json\r\n").await;
    assert_eq!((head.status(), head.header("content-type")), (502, Some("application/json")));
    let document: Value = serde_json::from_str(&body.text()).unwrap();
    assert_eq!(document["code"], "upstream_unreachable");
    assert_eq!(document["error"], "the rack cannot be reached");
    assert_eq!(document["request_id"].as_str(), head.header("x-request-id"));

    let (head, body) = ask(&gateway, &token, "GET /apps", "Accept: */*\r\n").await;
    assert_eq!((head.status(), body.text().as_str()), (502, "the rack cannot be reached\n"));
    let record = gateway.lines.wait_for(|record| record["action"] == "app.list").await;
    assert_eq!((&record["status"], &record["http_status"]), (&"error".into(), &502.into()));
    assert_eq!(
        (&record["reason"], &record["rbac_decision"]),
        (&"the rack cannot be reached".into(), &"allow".into())
    );
}

#[tokio::test]
async fn a_command_on_a_rack_that_is_not_there_exits_1() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let gateway = TestGateway::with([("RACK_HOST", &format!("http://{unused}"))]).await;
    let token = gateway.token("ops").await;
    let outcome = crate::support::socket::Socket::exec(gateway.address(), &token, "id").await.finish().await;
    assert_eq!((&outcome.exit, outcome.text().as_str()), (&Ok(1), "ERROR: the rack cannot be reached\n"));
}

#[tokio::test]
async fn a_rack_that_dies_before_its_answer_is_broken() {
    let rack = FakeRack::start(|mut visit| async move {
        visit.request().await;
    })
    .await;
    let (gateway, head, body) = list_apps(&rack).await;
    assert_eq!((head.status(), body.text().as_str()), (502, "the connection to the rack broke\n"));
    let record = gateway.lines.wait_for(|record| record["action"] == "app.list").await;
    assert_eq!(record["reason"], "the connection to the rack broke");
}

#[tokio::test]
async fn garbage_is_not_passed_on() {
    let garbage = [
        "SSH-2.0-OpenSSH_9.6\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nBad Header: x\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "\0\0\0\0",
    ];
    let rack = FakeRack::choosing(garbage.map(|text| text.as_bytes().to_vec()).into()).await;
    let gateway = TestGateway::with([("RACK_HOST", &rack.url())]).await;
    let token = gateway.token("viewer").await;
    for (number, text) in garbage.iter().enumerate() {
        let (head, body) = ask(&gateway, &token, "GET /apps", &format!("X-Answer: {number}\r\n")).await;
        assert_eq!(
            (head.status(), body.text().as_str()),
            (502, "the connection to the rack broke\n"),
            "{text:?}"
        );
    }
}

/// The client must not take half an answer for a whole one.
#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_at_the_client_too() {
    for (framing, first, rest) in [
        ("Content-Length: 100", "[{\"name\":", ""),
        ("Transfer-Encoding: chunked", "9\r\n[{\"name\":\r\n", ""),
        ("Transfer-Encoding: chunked", "9\r\n[{\"name\":\r\n", "not a size\r\n"),
        ("Transfer-Encoding: chunked", "9\r\n[{\"name\":\r\n", "5\r\nabc"),
    ] {
        let read = Arc::new(Notify::new());
        let break_off = read.clone();
        let rack = FakeRack::start(move |mut visit| {
            let break_off = break_off.clone();
            async move {
                visit.request().await;
                visit.wire.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{first}")).await;
                break_off.notified().await;
                visit.wire.send(rest).await;
            }
        })
        .await;
        let gateway = TestGateway::with([("RACK_HOST", &rack.url())]).await;
        let token = gateway.token("viewer").await;
        let mut wire = Wire::open(gateway.address()).await;
        wire.send(format!("GET /api/v1/rack-proxy/apps HTTP/1.1\r\nHost: gateway\r\n{}\r\n", basic(&token)))
            .await;
        let head = wire.head().await;
        assert_eq!(head.status(), 200);
        while !wire.buffered.windows(9).any(|nine| nine == b"[{\"name\":") {
            assert!(wire.fill().await);
        }
        read.notify_one();
        let Body::Cut(shown) = wire.body(&head).await else {
            panic!("{rest:?} was taken for a whole answer")
        };
        assert!(shown.starts_with(b"[{\"name\":"));
        let record = gateway.lines.wait_for(|record| record["action"] == "app.list").await;
        assert_eq!(record["reason"], "the rack broke off its answer", "{rest:?}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_frees_the_rack() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("admin").await;
    let mut wire = Wire::open(gateway.address()).await;
    let path = "/api/v1/rack-proxy/apps/web/objects/zeros/100000000000";
    wire.send(format!("GET {path} HTTP/1.1\r\nHost: gateway\r\n{}\r\n", basic(&token))).await;
    assert_eq!(wire.head().await.status(), 200);
    assert!(wire.fill().await);
    drop(wire);
    let record = gateway.lines.wait_for(|record| record["action"] == "object.read").await;
    assert_eq!(record["reason"], "the client went away before the end of the answer", "{record}");
    assert!(record["bytes_out"].as_u64().unwrap() < 1_000_000_000, "{record}");
}

#[tokio::test]
async fn a_rack_that_takes_no_connections_times_out() {
    // The system completes handshakes for a listener that never accepts, so the silence comes after that.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    let gateway = TestGateway::with([("RACK_HOST", &*host), ("UPSTREAM_IDLE_TIMEOUT", "300ms")]).await;
    let token = gateway.token("viewer").await;
    let started = std::time::Instant::now();
    let (head, body) = ask(&gateway, &token, "GET /apps", "").await;
    assert_eq!((head.status(), body.text().as_str()), (504, "the rack was silent for 300ms\n"));
    assert!(started.elapsed() < SOON);
}
