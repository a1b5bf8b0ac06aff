//! What passes: bytes, streams, websockets, and the record of it.

use super::{call, gateway, register, server::Server};
use crate::support::{
    gateway::TestGateway,
    wire::{SOON, Wire, basic},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};

async fn with_service() -> (TestGateway, String, Server) {
    let gateway = gateway().await;
    let admin = gateway.token("admin").await;
    let server = Server::start("one").await;
    register(&gateway, &admin, "web", server.at).await;
    (gateway, admin, server)
}

#[tokio::test]
async fn paths_pass_byte_for_byte() {
    let (gateway, admin, _server) = with_service().await;
    for target in [
        "/",
        "/a%2Fb%3fc%23d",
        "/a//b/",
        "/a/../b/./c",
        "/x?",
        "/x?a=%2e%2E&b=c+d&&",
        "/%E2%98%83;p=1",
        "/a:b@c!$&'()*,;=",
    ] {
        let mut wire = Wire::open(gateway.address()).await;
        wire.send(format!(
            "GET /svc/web{target} HTTP/1.1\r\nHost: g\r\nConnection: close\r\n{}\r\n",
            basic(&admin)
        ))
        .await;
        let head = wire.head().await;
        let said: Value = serde_json::from_str(&wire.body(&head).await.text()).unwrap();
        assert_eq!(said["target"], target);
    }
    let said: Value = call(&gateway, &admin, "GET /web").send().await.unwrap().json().await.unwrap();
    assert_eq!(said["target"], "/");
}

#[tokio::test]
async fn bodies_and_redirects_pass_and_what_changes_is_recorded_first() {
    let (gateway, admin, server) = with_service().await;
    let long = "x".repeat(3_000_000);
    let said: Value =
        call(&gateway, &admin, "POST /web/upload").body(long).send().await.unwrap().json().await.unwrap();
    assert_eq!((&said["length"], &said["method"]), (&3_000_000.into(), &"POST".into()));
    let intent = gateway.lines.wait_for(|line| line["event"] == "outcome" && line["resource"] == "web").await;
    assert_eq!((&intent["action"], &intent["command"]), (&"service.call".into(), &"POST /upload".into()));
    assert_eq!((&intent["bytes_in"], &intent["route"]), (&3_000_000.into(), &"/svc/{slug}/".into()));
    let filter = rack_gateway::store::AuditFilter {
        action: Some("service.call".to_owned()),
        limit: 10,
        ..rack_gateway::store::AuditFilter::default()
    };
    let mut events = Vec::new();
    for _ in 0..1_000 {
        let rows = gateway.db.audit_rows(&filter).await.unwrap();
        events = rows
            .iter()
            .map(|row| serde_json::from_slice::<Value>(&row.record).unwrap()["event"].clone())
            .collect();
        if events.len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    events.reverse();
    assert_eq!(events, ["intent", "outcome"]);

    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = client.get(gateway.url("/svc/web/redirect")).bearer_auth(&admin).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()),
        (302, "/elsewhere?x")
    );
    assert_eq!(server.hits(), 2, "nobody followed it");
}

#[tokio::test]
async fn events_come_as_they_happen() {
    let (gateway, admin, _server) = with_service().await;
    let started = Instant::now();
    let mut stream = call(&gateway, &admin, "GET /web/events").send().await.unwrap().bytes_stream();
    let first = stream.next().await.unwrap().unwrap();
    assert_eq!(&first[..], b"data: 0\n\n", "the others are not waited for");
    let mut rest = Vec::new();
    while let Some(chunk) = stream.next().await {
        rest.extend_from_slice(&chunk.unwrap());
    }
    assert_eq!(rest, b"data: 1\n\ndata: 2\n\n");
    assert!(started.elapsed() >= Duration::from_millis(900));
}

#[tokio::test]
async fn websockets_pass_both_ways_and_end_with_the_right_to_them() {
    let (gateway, _admin, _server) = with_service().await;
    let person = gateway.person("ops").await;
    let mut request = format!("ws://{}/svc/web/ws", gateway.address()).into_client_request().unwrap();
    let credential = format!("Basic {}", BASE64_STANDARD.encode(format!("convox:{}", person.token)));
    request.headers_mut().insert("authorization", credential.parse().unwrap());
    request.headers_mut().insert("sec-websocket-extensions", "permessage-deflate".parse().unwrap());
    let (mut socket, answer) = tokio_tungstenite::connect_async(request).await.unwrap();
    assert_eq!(answer.status().as_u16(), 101);
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("plain"), "no extension is agreed on");
    for message in
        [Message::text("hello"), Message::binary(vec![0, 255, 7]), Message::text("x".repeat(100_000))]
    {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
    gateway.db.remove_grant(person.grant).await.unwrap();
    let ended = tokio::time::timeout(SOON, async {
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() {
                return;
            }
        }
    });
    ended.await.expect("the end of the stream");
    let record =
        gateway.lines.wait_for(|line| line["event"] == "outcome" && line["http_status"] == 101).await;
    assert!(
        record["reason"].as_str().unwrap().contains("lost the permission service:instance:call"),
        "{record}"
    );
    assert!(record["bytes_out"].as_u64().unwrap() > 100_000);
}

#[tokio::test]
async fn a_websocket_without_the_right_is_refused_in_the_handshake() {
    let (gateway, _admin, server) = with_service().await;
    let viewer = gateway.token("viewer").await;
    let mut request = format!("ws://{}/svc/web/ws", gateway.address()).into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {viewer}").parse().unwrap());
    let refused = tokio_tungstenite::connect_async(request).await.unwrap_err();
    let tokio_tungstenite::tungstenite::Error::Http(answer) = refused else { panic!("{refused}") };
    assert_eq!((answer.status().as_u16(), server.hits()), (403, 0));
}
