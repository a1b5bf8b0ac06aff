//! Log streams, which the client ends, and which never answer a ping.

use crate::support::{
    gateway::TestGateway,
    socket::{End, PING, PONG, Socket, TEXT, handshake},
};

#[tokio::test]
async fn a_followed_log_ends_when_the_client_hangs_up() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("viewer").await;
    let mut socket = Socket::logs(gateway.address(), &token).await;
    socket.read_until("GET /health 200").await;
    assert_eq!(gateway.rack.open_sockets(), 1);
    drop(socket);
    gateway.until_no_sockets().await;
    let record = gateway.lines.wait_for(|record| record["action"] == "log.read").await;
    assert_eq!((&record["status"], &record["http_status"]), (&"success".into(), &101.into()));
    assert!(record["reason"].is_null(), "{record}");
}

#[tokio::test]
async fn a_followed_log_ends_when_the_client_says_so() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("viewer").await;
    let mut socket = Socket::logs(gateway.address(), &token).await;
    socket.read_until("GET /health 200").await;
    socket.end_input().await;
    let outcome = socket.finish().await;
    assert_eq!((outcome.exit, outcome.end), (Ok(0), End::Told));
    gateway.until_no_sockets().await;
}

#[tokio::test]
async fn a_log_that_is_not_followed_ends_by_itself() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("viewer").await;
    let options = "Follow: false\r\nTail: 3\r\nPrefix: true\r\nFilter: GET /items\r\n";
    let request = handshake(&token, "/apps/web/services/web/logs", options);
    let outcome = Socket::open(gateway.address(), &request).await.finish().await;
    assert_eq!(outcome.end, End::Told);
    assert_eq!(outcome.text().lines().count(), 3, "{}", outcome.text());
    gateway.until_no_sockets().await;
}

/// Nothing depends on an answer to the client's pings: they are passed on, and the log goes on.
#[tokio::test]
async fn pings_are_not_answered_and_do_no_harm() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("viewer").await;
    let mut socket = Socket::logs(gateway.address(), &token).await;
    for _ in 0..3 {
        socket.send(PING, b"").await;
    }
    for _ in 0..20 {
        let frame = socket.frame().await.unwrap();
        assert_ne!(frame.opcode, PONG);
        assert_eq!(frame.opcode, TEXT);
    }
    socket.read_until("GET /health 200").await;
}

#[tokio::test]
async fn an_unknown_app_is_told_in_the_racks_words() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("viewer").await;
    let request = handshake(&token, "/apps/nope/logs", "");
    let outcome = Socket::open(gateway.address(), &request).await.finish().await;
    assert_eq!(outcome.text(), "ERROR: app not found: nope\n");
}
