//! Whom the gateway takes for the rack. Whoever it does not gets nothing: no request, no credential.

use super::faults::ask;
use crate::support::{
    gateway::TestGateway,
    process::Process,
    socket::Socket,
    tls::{Authority, Identity, TlsRack},
};
use rack_gateway::demo::rack::noise;
use rustls::version::{TLS12, TLS13};
use std::path::Path;

type Variables<'a> = [(&'a str, &'a str); 2];

/// The status of a call to this rack, and what the client was told.
async fn call(variables: Variables<'_>) -> (u16, String) {
    let gateway = TestGateway::with(variables).await;
    let token = gateway.token("viewer").await;
    let (head, body) = ask(&gateway, &token, "GET /apps", "").await;
    (head.status(), body.text())
}

async fn assert_accepted(rack: &TlsRack, variables: Variables<'_>) {
    let (status, body) = call(variables).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(rack.rack.requests().len(), 1);
}

async fn assert_refused(rack: &TlsRack, variables: Variables<'_>) {
    assert_eq!(call(variables).await, (502, "the rack cannot be reached\n".to_owned()));
    assert!(rack.rack.requests().is_empty(), "nothing may be sent to who is not the rack");
    assert_eq!(rack.sessions(), 0);
}

fn file(directory: &Path, pem: &str) -> String {
    let path = directory.join("authority.pem");
    std::fs::write(&path, pem).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Why is for the log: the client cannot mend it, and the log is where somebody looks who can.
#[tokio::test]
async fn an_unknown_certificate_is_refused_and_the_log_says_why() {
    let rack = TlsRack::start(&Identity::of_a_rack()).await;
    let process = Process::start(&rack.url(), &[]).await;
    let token = process.person("viewer").await.token;
    let answer =
        reqwest::Client::new().get(process.rack_url("/apps")).bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.text().await.unwrap(), "the rack cannot be reached\n");
    let log = process.log.text();
    let line =
        log.lines().find(|line| line.contains("cannot ask the rack")).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains("certificate") && line.contains("rack=demo"), "{line}");
    assert!(rack.rack.requests().is_empty());
}

#[tokio::test]
async fn an_authority_of_our_own_is_believed() {
    let (directory, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let ca = file(directory.path(), &authority.pem);
    let rack = TlsRack::start(&authority.sign(&["127.0.0.1"])).await;
    assert_accepted(&rack, [("RACK_HOST", &*rack.url()), ("RACK_CA_FILE", &*ca)]).await;
    let rack = TlsRack::start(&authority.sign(&["localhost"])).await;
    assert_accepted(&rack, [("RACK_HOST", &*rack.url_as("localhost")), ("RACK_CA_FILE", &*ca)]).await;
}

#[tokio::test]
async fn its_word_holds_for_the_name_and_the_time_that_it_gave() {
    let (directory, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let ca = file(directory.path(), &authority.pem);
    for identity in [
        authority.sign(&["api"]),
        authority.sign(&["127.0.0.2"]),
        authority.sign_until(&["127.0.0.1"], 2020),
        Authority::new().sign(&["127.0.0.1"]),
        Identity::self_signed(&["127.0.0.1"]),
        authority.sign(&["127.0.0.1"]).with_key_of(&Identity::of_a_rack()),
    ] {
        let rack = TlsRack::start(&identity).await;
        assert_refused(&rack, [("RACK_HOST", &*rack.url()), ("RACK_CA_FILE", &*ca)]).await;
    }
}

#[tokio::test]
async fn a_pinned_certificate_is_believed_whatever_its_name() {
    for versions in [&[&TLS12][..], &[&TLS13], rustls::DEFAULT_VERSIONS] {
        let identity = Identity::of_a_rack();
        let rack = TlsRack::speaking(&identity, versions).await;
        assert_accepted(&rack, [("RACK_HOST", &*rack.url()), ("RACK_PIN_SHA256", &*identity.pin())]).await;
    }
}

/// A pin is of the certificate; its key must still be there to prove itself.
#[tokio::test]
async fn another_certificate_or_another_key_is_not_believed() {
    let (pinned, other) = (Identity::of_a_rack(), Identity::of_a_rack());
    for versions in [&[&TLS12][..], &[&TLS13]] {
        for identity in [&other, &pinned.with_key_of(&other)] {
            let rack = TlsRack::speaking(identity, versions).await;
            assert_refused(&rack, [("RACK_HOST", &*rack.url()), ("RACK_PIN_SHA256", &*pinned.pin())]).await;
        }
    }
}

#[tokio::test]
async fn a_wrong_pin_is_told_with_the_one_that_was_seen() {
    let (pinned, other) = (Identity::of_a_rack(), Identity::of_a_rack());
    let rack = TlsRack::start(&other).await;
    let process = Process::start(&rack.url(), &[("RACK_PIN_SHA256", &pinned.pin())]).await;
    let token = process.person("viewer").await.token;
    let answer =
        reqwest::Client::new().get(process.rack_url("/apps")).bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "the rack cannot be reached\n");
    let log = process.log.text();
    assert!(log.contains(&format!("SHA-256 is {}", other.pin())), "{log}");
}

/// A rack that speaks plain HTTP where TLS is expected does not get the credential either.
#[tokio::test]
async fn a_rack_without_tls_is_refused() {
    let rack = TlsRack::start(&Identity::of_a_rack()).await;
    let plain = format!("https://{}", rack.rack.address());
    let pin = Identity::of_a_rack().pin();
    assert_refused(&rack, [("RACK_HOST", &*plain), ("RACK_PIN_SHA256", &*pin)]).await;
}

#[tokio::test]
async fn commands_run_through_tls() {
    let identity = Identity::of_a_rack();
    for versions in [&[&TLS12][..], &[&TLS13]] {
        let rack = TlsRack::speaking(&identity, versions).await;
        let gateway =
            TestGateway::with([("RACK_HOST", &*rack.url()), ("RACK_PIN_SHA256", &*identity.pin())]).await;
        let token = gateway.token("ops").await;
        for size in [0, 1, 4_060, 4_090, 65_536, 1_000_000] {
            let socket = Socket::exec(gateway.address(), &token, &format!("bytes {size}; exit 7")).await;
            let outcome = socket.finish().await;
            assert_eq!(outcome.exit, Ok(7), "{size}");
            assert!(outcome.output == noise(size), "{size}");
        }
        let input = noise(300_000);
        let outcome = Socket::exec(gateway.address(), &token, "cat").await.converse(&input).await;
        assert!(outcome.output == input);
    }
}
