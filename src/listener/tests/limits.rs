//! Time limits and the cap.

use super::*;
use rustls::{ClientConfig, RootCertStore, ServerConfig, pki_types::PrivateKeyDer};
use std::time::Instant;
use tokio_rustls::TlsConnector;

const CLOSING: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Writes `drop` every 50 ms until the connection is cut, and says after how long that was.
async fn drip(stream: TcpStream, drop: &[u8]) -> Duration {
    let started = Instant::now();
    let (mut reader, mut writer) = stream.into_split();
    let mut scratch = [0; 256];
    while started.elapsed() < PATIENCE {
        let written = writer.write_all(drop).await;
        let read = timeout(millis(50), reader.read(&mut scratch)).await;
        if written.is_err() || matches!(read, Ok(Ok(0) | Err(_))) {
            return started.elapsed();
        }
    }
    panic!("not cut in {PATIENCE:?}");
}

#[tokio::test]
async fn dripping_headers_are_cut() {
    let mut rig = rig(ListenerLimits { header_timeout: millis(300), ..limits() }).await;
    let after = drip(send(&rig, b"GET / HTTP/1.1\r\nHost: a\r\n").await, b"X: y\r\n").await;
    assert!(after > millis(250), "{after:?}");
    assert!(rig.seen.try_recv().is_err());
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_cut() {
    let rig = rig(ListenerLimits { header_timeout: millis(300), ..limits() }).await;
    assert_eq!(to_end(&mut connect(&rig).await).await, "");
    // Empty lines buy no time.
    drip(connect(&rig).await, b"\r\n").await;
}

#[tokio::test]
async fn dripping_headers_of_a_later_request_are_cut() {
    let rig = rig(ListenerLimits { header_timeout: millis(300), ..limits() }).await;
    let mut stream = send(&rig, GET).await;
    one_ok(&mut stream).await;
    let after = drip(stream, b"G").await;
    assert!(after > millis(250), "{after:?}");
}

#[tokio::test]
async fn an_idle_connection_outlives_the_header_timeout_but_not_its_own() {
    let limits = ListenerLimits { header_timeout: millis(200), keepalive_timeout: millis(3_000), ..limits() };
    let rig = rig(limits).await;
    let mut stream = send(&rig, GET).await;
    one_ok(&mut stream).await;
    sleep(millis(600)).await;
    stream.write_all(GET).await.unwrap();
    one_ok(&mut stream).await;
    let started = Instant::now();
    assert_eq!(to_end(&mut stream).await, "");
    assert!(started.elapsed() > millis(2_000), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_dripping_body_is_cut() {
    let mut rig = rig(ListenerLimits { body_idle_timeout: millis(300), ..limits() }).await;
    let stream = send(&rig, b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n").await;
    let after = drip(stream, b"x").await;
    assert!(after > millis(250), "{after:?}");
    assert!(rig.seen.try_recv().is_err(), "the service was dropped while it waited");
}

#[tokio::test]
async fn a_steady_body_is_not_cut() {
    let mut rig = rig(ListenerLimits { body_idle_timeout: millis(2_000), ..limits() }).await;
    let mut stream = send(&rig, b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 20480\r\n\r\n").await;
    for _ in 0..20 {
        stream.write_all(&[b'x'; 1024]).await.unwrap();
        sleep(millis(150)).await;
    }
    one_ok(&mut stream).await;
    assert_eq!(rig.next_seen().await, ("/a".into(), true));
}

#[tokio::test]
async fn a_slow_upstream_is_waited_for() {
    let limits = ListenerLimits {
        header_timeout: millis(200),
        body_idle_timeout: millis(200),
        keepalive_timeout: millis(200),
        write_stall_timeout: millis(200),
        ..limits()
    };
    let rig = rig(limits).await;
    for request in [
        &b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
    ] {
        one_ok(&mut send(&rig, request).await).await;
    }
    // Nor is a client cut whose unfinished body nobody has asked for yet.
    one_ok(&mut send(&rig, b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhi").await).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let rig = rig(ListenerLimits { write_stall_timeout: millis(300), ..limits() }).await;
    let mut stream = send(&rig, b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await;
    sleep(millis(1_200)).await;
    let mut sink = Vec::new();
    let _reset = timeout(PATIENCE, stream.read_to_end(&mut sink)).await.expect("still sending");
}

#[tokio::test]
async fn an_answer_reaches_a_client_that_is_still_sending() {
    let rig = rig(limits()).await;
    let (mut reader, mut writer) = connect(&rig).await.into_split();
    let upload = async {
        writer.write_all(b"PUT /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 4194304\r\n\r\n").await?;
        writer.write_all(&vec![b'x'; 4 << 20]).await
    };
    let (sent, reply) = tokio::join!(upload, async {
        sleep(millis(200)).await;
        to_end(&mut reader).await
    });
    assert!(reply.starts_with("HTTP/1.1 401 "), "{reply}");
    sent.expect("reset while sending");
}

#[tokio::test]
async fn over_the_cap_503_and_room_again_afterwards() {
    let rig = rig(ListenerLimits { max_connections: 2, ..limits() }).await;
    let mut first = send(&rig, GET).await;
    one_ok(&mut first).await;
    let mut second = send(&rig, GET).await;
    one_ok(&mut second).await;
    let reply = to_end(&mut send(&rig, GET).await).await;
    assert!(reply.starts_with("HTTP/1.1 503 ") && reply.contains("Retry-After: 1\r\n"), "{reply}");
    drop(first);
    let room = async { while !to_end(&mut send(&rig, CLOSING).await).await.starts_with("HTTP/1.1 200 ") {} };
    timeout(PATIENCE, room).await.expect("no room");
}

#[tokio::test]
async fn http_1_0_without_host() {
    let rig = rig(limits()).await;
    let reply = to_end(&mut send(&rig, b"GET /api/v1/health HTTP/1.0\r\n\r\n").await).await;
    assert!(reply.starts_with("HTTP/1.0 200 OK\r\n"), "{reply}");
}

fn certificate() -> (Arc<ServerConfig>, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let cert = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let server =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![cert.clone()], key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert).unwrap();
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    (Arc::new(server), TlsConnector::from(Arc::new(client)))
}

#[tokio::test]
async fn tls_serves_and_cuts_slow_handshakes() {
    let (server, connector) = certificate();
    let rig = rig_with(ListenerLimits { handshake_timeout: millis(2_000), ..limits() }, Some(server)).await;
    drip(connect(&rig).await, b"\x16").await;

    let tcp = connect(&rig).await;
    let mut stream = connector.connect("localhost".try_into().unwrap(), tcp).await.unwrap();
    for _ in 0..2 {
        stream.write_all(GET).await.unwrap();
        one_ok(&mut stream).await;
        sleep(millis(2_200)).await;
    }
    stream.write_all(b"GET /# HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(to_end(&mut stream).await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn connections_are_counted() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let _local = metrics::set_default_local_recorder(&recorder);
    let rig = rig(ListenerLimits { max_connections: 1, header_timeout: millis(2_000), ..limits() }).await;
    let until = async |lines: &[&str]| {
        let counted = || recorder.handle().render();
        let all = async {
            while !lines.iter().all(|line| counted().contains(line)) {
                sleep(millis(10)).await;
            }
        };
        timeout(PATIENCE, all).await.unwrap_or_else(|_| panic!("{lines:?} {}", counted()));
    };
    let mut silent = connect(&rig).await;
    until(&["gateway_connections_open 1\n"]).await;
    to_end(&mut send(&rig, GET).await).await;
    to_end(&mut silent).await;
    until(&[
        "gateway_connections_open 0\n",
        "gateway_connections_total 1\n",
        "gateway_connections_refused_total 1\n",
        "gateway_connections_cut_total{reason=\"header\"} 1\n",
    ])
    .await;
}
