//! Raw connections through a rack: bytes both ways, and not one of the gateway's own.

use crate::support::{
    gateway::TestGateway,
    socket::{End, Socket, handshake},
};
use rack_gateway::demo::rack::noise;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

/// A service that reads all of its input before it sends it back twice. Gives its port.
async fn service() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut input = Vec::new();
            stream.read_to_end(&mut input).await.unwrap();
            stream.write_all(&input.repeat(2)).await.unwrap();
        }
    });
    port
}

/// The client's end of input is not the end of the stream.
#[tokio::test]
async fn bytes_pass_both_ways_and_one_way_may_end_first() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("admin").await;
    let request = handshake(&token, &format!("/proxy/127.0.0.1/{}", service().await), "");
    let input = noise(500_000);
    let outcome = Socket::open(gateway.address(), &request).await.converse(&input).await;
    assert_eq!(outcome.end, End::Told);
    assert!(outcome.output == input.repeat(2), "{} bytes came back", outcome.output.len());
    gateway.until_no_sockets().await;
    let record = gateway.lines.wait_for(|record| record["action"] == "proxy.connect").await;
    assert_eq!((&record["resource"], &record["status"]), (&"127.0.0.1".into(), &"success".into()));
    assert!(record["bytes_in"].as_u64().unwrap() >= 500_000, "{record}");
    assert!(record["bytes_out"].as_u64().unwrap() >= 1_000_000, "{record}");
}

/// A sentence would be taken for data of the service, and the end of the stream for its orderly end.
#[tokio::test]
async fn a_lost_right_ends_the_connection_without_a_word() {
    let gateway = TestGateway::start().await;
    let person = gateway.person("admin").await;
    let request = handshake(&person.token, &format!("/proxy/127.0.0.1/{}", service().await), "");
    let mut socket = Socket::open(gateway.address(), &request).await;
    gateway.db.revoke_token(person.token_id, gateway.clock.now()).await.unwrap();
    assert_eq!(socket.frame().await, None);
    let record = gateway.lines.wait_for(|record| record["action"] == "proxy.connect").await;
    assert!(record["reason"].as_str().unwrap().contains("withdrawn"), "{record}");
}

#[tokio::test]
async fn who_may_not_gets_no_connection() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("deployer").await;
    let request = handshake(&token, &format!("/proxy/127.0.0.1/{}", service().await), "");
    let (head, body) = Socket::try_open(gateway.address(), &request).await.err().unwrap();
    assert_eq!(head.status(), 403, "{body}");
    assert!(gateway.rack.requests().is_empty());
}
