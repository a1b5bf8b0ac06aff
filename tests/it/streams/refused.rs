//! Websockets that are refused, and requests that only look like websockets.

use crate::support::{
    gateway::TestGateway,
    socket::{BINARY, End, Frame, MARKER, Socket, TEXT, exec, handshake},
    wire::{Wire, basic},
};

/// The frames of a refused command, exactly.
async fn expect_refusal(mut socket: Socket, sentence: &str) {
    let mut next = async || socket.frame().await.unwrap();
    assert_eq!(next().await, Frame { opcode: TEXT, payload: format!("{MARKER}1\n").into_bytes() });
    let reason = next().await;
    let text = String::from_utf8(reason.payload).unwrap();
    assert_eq!(reason.opcode, TEXT);
    assert!(text.starts_with("ERROR: ") && text.ends_with('\n') && text.contains(sentence), "{text:?}");
    assert_eq!(next().await, Frame { opcode: BINARY, payload: Vec::new() });
}

#[tokio::test]
async fn a_denied_command_exits_1_and_says_why() {
    let gateway = TestGateway::start().await;
    let viewer = gateway.token("viewer").await;
    let socket = Socket::exec(gateway.address(), &viewer, "rm -rf /").await;
    expect_refusal(socket, "the permission convox:process:exec is missing").await;
    let outcome = Socket::exec(gateway.address(), &viewer, "rm -rf /").await.finish().await;
    assert_eq!((outcome.exit, outcome.end), (Ok(1), End::Told));
    assert!(gateway.rack.requests().is_empty());

    let record = gateway.lines.wait_for(|record| record["action"] == "process.exec").await;
    assert_eq!((&record["rbac_decision"], &record["status"]), (&"deny".into(), &"denied".into()), "{record}");
    assert_eq!((&record["http_status"], &record["command"]), (&403.into(), &"rm -rf /".into()), "{record}");
    assert!(record["reason"].as_str().unwrap().contains("convox:process:exec"), "{record}");
}

#[tokio::test]
async fn a_bad_token_is_told_in_the_same_way() {
    let gateway = TestGateway::start().await;
    let socket = Socket::exec(gateway.address(), "rgw_nonsense", "id").await;
    expect_refusal(socket, "authentication failed").await;
    let record = gateway.lines.wait_for(|record| record["action"] == "process.exec").await;
    assert_eq!((&record["http_status"], &record["rbac_decision"]), (&401.into(), &"deny".into()));
    assert!(gateway.rack.requests().is_empty());
}

/// A log that were refused in band would exit 0.
#[tokio::test]
async fn denied_logs_fail_in_the_handshake() {
    let gateway = TestGateway::start().await;
    let elsewhere = gateway.token_on("viewer", "demo/api").await;
    let request = handshake(&elsewhere, "/apps/web/logs", "Follow: true\r\n");
    let (head, body) = Socket::try_open(gateway.address(), &request).await.err().unwrap();
    assert_eq!(head.status(), 403);
    assert!(body.contains("convox:log:read on demo/web") || body.contains("on demo/web"), "{body}");
    let (head, _) =
        Socket::try_open(gateway.address(), &handshake("no", "/apps/web/logs", "")).await.err().unwrap();
    assert_eq!(head.status(), 401);
    assert!(gateway.rack.requests().is_empty());
}

/// Without a key there is nothing to accept with: the refusal is an ordinary answer, and so is the rack's.
#[tokio::test]
async fn without_a_key_there_is_no_socket() {
    let gateway = TestGateway::start().await;
    let (viewer, ops) = (gateway.token("viewer").await, gateway.token("ops").await);
    for (token, status) in [(viewer, 403), (ops, 400)] {
        let request = exec(&token, "id").replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "");
        let (head, body) = Socket::try_open(gateway.address(), &request).await.err().unwrap();
        assert_eq!(head.status(), status, "{body}");
    }
}

#[tokio::test]
async fn the_wish_for_a_socket_stops_at_a_plain_route() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("viewer").await;
    let (head, body) =
        Socket::try_open(gateway.address(), &handshake(&token, "/apps", "")).await.err().unwrap();
    assert_eq!(head.status(), 200);
    assert!(body.contains("\"web\""), "{body}");
    let seen = gateway.rack.requests().pop().unwrap();
    for name in ["upgrade", "connection", "sec-websocket-key"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
}

/// A rack knows one spelling, HTTP knows many. What the gateway takes for a websocket it sends on as one.
#[tokio::test]
async fn other_spellings_of_the_handshake_are_sent_on_in_the_racks() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("ops").await;
    for (from, to) in [
        ("Upgrade: websocket", "Upgrade: WebSocket"),
        ("Connection: Upgrade", "Connection: keep-alive, upgrade"),
        ("Upgrade: websocket", "Upgrade: h2c, websocket"),
    ] {
        let request = exec(&token, "exit 7").replacen(from, to, 1);
        let outcome = Socket::open(gateway.address(), &request).await.finish().await;
        assert_eq!(outcome.exit, Ok(7), "{to}");
    }
}

#[tokio::test]
async fn a_socket_route_without_the_wish_is_unknown() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("ops").await;
    let mut wire = Wire::open(gateway.address()).await;
    let head = basic(&token);
    wire.send(format!("GET /api/v1/rack-proxy/apps/web/logs HTTP/1.1\r\nHost: gateway\r\n{head}\r\n")).await;
    assert_eq!(wire.head().await.status(), 404);
    assert!(gateway.rack.requests().is_empty());
}

/// Bytes sent together with the handshake belong to the stream.
#[tokio::test]
async fn input_that_comes_with_the_handshake_is_not_lost() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("ops").await;
    let mut wire = Wire::open(gateway.address()).await;
    let early = [0x81u8, 0x83, 0, 0, 0, 0, b'h', b'i', b'\n', 0x82, 0x80, 0, 0, 0, 0];
    wire.send([exec(&token, "cat").as_bytes(), &early].concat()).await;
    assert_eq!(wire.head().await.status(), 101);
    let marker = format!("{MARKER}0\n");
    while !wire.buffered.windows(marker.len()).any(|window| window == marker.as_bytes()) {
        assert!(wire.fill().await, "the stream ended");
    }
    assert!(wire.buffered.starts_with(b"\x81\x03hi\n"));
}
