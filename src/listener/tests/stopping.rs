//! The drain, with real connections.

use super::*;
use crate::listener::Drained;

const UPGRADE_REQUEST: &[u8] =
    b"GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";

async fn upgraded(rig: &Rig) -> TcpStream {
    let mut stream = send(rig, UPGRADE_REQUEST).await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        assert_ne!(timeout(PATIENCE, stream.read_buf(&mut head)).await.unwrap().unwrap(), 0);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", head.escape_ascii());
    stream
}

#[tokio::test]
async fn idle_connections_close_and_busy_ones_finish() {
    let mut rig = rig(limits()).await;
    let fresh = connect(&rig).await;
    let mut idle = send(&rig, GET).await;
    one_ok(&mut idle).await;
    let mut busy = send(&rig, b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    sleep(Duration::from_millis(300)).await;

    rig.drain.start();
    for mut quiet in [fresh, idle] {
        assert_eq!(to_end(&mut quiet).await, "");
    }
    assert!(TcpStream::connect(rig.addr).await.is_err(), "no longer accepting");
    let reply = to_end(&mut busy).await;
    assert!(reply.starts_with("HTTP/1.1 200 OK") && reply.contains("connection: close\r\n"), "{reply}");
    assert_eq!(rig.drain.wait(PATIENCE).await, Drained::Finished);
    assert_eq!(rig.next_seen().await.0, "/");
    timeout(PATIENCE, rig.serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_deadline_cuts_what_is_left() {
    let mut rig = rig(limits()).await;
    let mut endless = send(&rig, b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut tunnel = upgraded(&rig).await;
    rig.next_seen().await;
    rig.next_seen().await;

    let drained = rig.drain.wait(Duration::from_millis(300)).await;
    assert_eq!(drained, Drained::Cut { connections: 2 });
    assert_eq!(to_end(&mut tunnel).await, "");
    to_end(&mut endless).await;
    timeout(PATIENCE, rig.serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_tunnel_runs_on_whatever_the_limits_and_counts_as_open() {
    let short = Duration::from_millis(200);
    let limits = ListenerLimits {
        max_connections: 1,
        header_timeout: short,
        keepalive_timeout: short,
        body_idle_timeout: short,
        ..limits()
    };
    let rig = rig(limits).await;
    let mut tunnel = upgraded(&rig).await;
    sleep(short * 4).await;
    tunnel.write_all(b"GET /# not http").await.unwrap();
    let mut echo = [0; 15];
    timeout(PATIENCE, tunnel.read_exact(&mut echo)).await.unwrap().unwrap();
    assert_eq!(&echo, b"GET /# not http");
    assert!(to_end(&mut send(&rig, GET).await).await.starts_with("HTTP/1.1 503 "));
    drop(tunnel);
    assert_eq!(rig.drain.wait(PATIENCE).await, Drained::Finished);
}
