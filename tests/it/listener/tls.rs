//! HTTPS at the gateway's own address.

use crate::support::{
    gateway::TestGateway,
    socket::{MARKER, exec},
    tls::Authority,
    wire::{SOON, Wire, basic},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use std::{process::Command, sync::Arc, time::Instant};
use tempfile::TempDir;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// A gateway that serves HTTPS, and whom its clients must trust.
async fn https() -> (TestGateway, Authority, TempDir) {
    let (directory, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let identity = authority.sign(&["127.0.0.1", "gateway.example.com"]);
    let (cert, key) = files(&directory, &identity.pem, &identity.key_pem);
    let variables =
        [("TLS_CERT_FILE", cert.as_str()), ("TLS_KEY_FILE", key.as_str()), ("HEADER_TIMEOUT", "1s")];
    (TestGateway::with(variables).await, authority, directory)
}

pub fn files(directory: &TempDir, certificate: &str, key: &str) -> (String, String) {
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    (write("cert.pem", certificate), write("key.pem", key))
}

pub async fn connect(
    gateway: &TestGateway,
    authority: &Authority,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(gateway.address()).await.unwrap();
    let name = ServerName::try_from("gateway.example.com").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// The token of somebody new. Only the plain helper waits until the gateway knows it, so this asks until it does.
pub async fn token(gateway: &TestGateway, authority: &Authority, role: &str) -> String {
    use crate::support::person::{Person, Until};
    let person = Person::add(&gateway.db, gateway.clock.now(), role, "*", Until::default()).await;
    let started = Instant::now();
    while status(gateway, authority, &person.token).await == 401 {
        assert!(started.elapsed() < SOON);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    person.token
}

pub async fn status(gateway: &TestGateway, authority: &Authority, token: &str) -> u16 {
    let mut wire = Wire::on(connect(gateway, authority, &["http/1.1"]).await.unwrap());
    wire.send(format!("GET /api/v1/me HTTP/1.1\r\nHost: gateway\r\n{}\r\n", basic(token))).await;
    wire.head().await.status()
}

#[tokio::test]
async fn https_is_served_with_its_headers() {
    let (gateway, authority, _directory) = https().await;
    let token = token(&gateway, &authority, "viewer").await;
    let root = reqwest::Certificate::from_pem(authority.pem.as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([root]).build().unwrap();
    let url = gateway.rack_url("/apps").replace("http://", "https://");
    let answer = client.get(&url).basic_auth("convox", Some(&token)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.version(), reqwest::Version::HTTP_11);
    assert!(answer.headers()["strict-transport-security"].to_str().unwrap().starts_with("max-age="));
    let stranger = reqwest::get(&url).await;
    assert!(stranger.unwrap_err().is_connect());
}

#[tokio::test]
async fn without_tls_there_is_no_such_promise() {
    let gateway = TestGateway::start().await;
    let answer = reqwest::get(gateway.rack_url("/apps")).await.unwrap();
    assert!(!answer.headers().contains_key("strict-transport-security"));
}

#[tokio::test]
async fn commands_run_through_https() {
    let (gateway, authority, _directory) = https().await;
    let token = token(&gateway, &authority, "ops").await;
    let mut wire = Wire::on(connect(&gateway, &authority, &["http/1.1"]).await.unwrap());
    wire.send(exec(&token, "echo leaving; exit 7")).await;
    assert_eq!(wire.head().await.status(), 101);
    let exit = format!("{MARKER}7\n");
    let read = async {
        // No pong proves that the output was read, so the marker comes after a while.
        while !wire.buffered.windows(exit.len()).any(|window| window == exit.as_bytes()) {
            assert!(wire.fill().await);
        }
    };
    timeout(SOON, read).await.unwrap();
}

#[tokio::test]
async fn plain_http_gets_no_answer_and_does_no_harm() {
    let (gateway, authority, _directory) = https().await;
    for text in ["GET /apps HTTP/1.1\r\nHost: gateway\r\n\r\n", "\x16\x03\x01\x7f\u{0}garbage", "\r\n"] {
        let mut wire = Wire::open(gateway.address()).await;
        wire.send(text).await;
        timeout(SOON, async { while wire.fill().await {} }).await.expect("an end of the connection in time");
        assert!(!wire.buffered.starts_with(b"HTTP/"), "{text:?}");
    }
    assert_eq!(status(&gateway, &authority, "nobody").await, 401);
    assert!(gateway.rack.requests().is_empty());
}

#[tokio::test]
async fn a_client_that_falls_silent_in_its_head_is_cut() {
    let (gateway, authority, _directory) = https().await;
    let mut wire = Wire::on(connect(&gateway, &authority, &[]).await.unwrap());
    wire.send("GET /apps HT").await;
    timeout(SOON, async { while wire.fill().await {} }).await.unwrap();
}

/// CVE-2023-44487, RUSTSEC-2024-0332, RUSTSEC-2026-0258: resets, continuations and empty frames without end. A protocol that
/// is not offered cannot be flooded.
#[tokio::test]
async fn http_2_is_not_spoken() {
    let (gateway, authority, _directory) = https().await;
    assert!(connect(&gateway, &authority, &["h2"]).await.is_err());
    let both = connect(&gateway, &authority, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(both.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[test]
fn certificates_that_cannot_be_used_are_named() {
    let (authority, directory) = (Authority::new(), tempfile::tempdir().unwrap());
    let (one, other) = (authority.sign(&["a"]), authority.sign(&["b"]));
    for (certificate, key, named) in [
        (one.pem.as_str(), other.key_pem.as_str(), "does the key belong to the certificate?"),
        ("no certificate", one.key_pem.as_str(), "cert.pem"),
        (one.pem.as_str(), "no key", "key.pem"),
    ] {
        let (cert_file, key_file) = files(&directory, certificate, key);
        let ended = Command::new(env!("CARGO_BIN_EXE_rack-gateway"))
            .arg("serve")
            .current_dir(directory.path())
            .env_clear()
            .envs([("LISTEN", "127.0.0.1:0"), ("OPS_LISTEN", "127.0.0.1:0")])
            .envs([("RACK_HOST", "http://127.0.0.1:1"), ("RACK_TOKEN", "x")])
            .envs([("TLS_CERT_FILE", cert_file), ("TLS_KEY_FILE", key_file)])
            .output()
            .unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(!ended.status.success() && said.contains(named), "{named}: {said}");
    }
}
