//! Requests hidden in requests, and answers that reach the wrong reader.

use super::{raw, unlimited, upstream::Upstream};
use crate::support::{
    exchange::{Wire, exchange},
    gateway::TestGateway,
};
use futures_util::future::join_all;
use std::time::Duration;

#[path = "../smuggling_corpus.rs"]
mod corpus;
use corpus::{CORPUS, Expect};

/// The payload with a token, and with every target below a prefix of its own on the rack: if a hidden request
/// came through it would be served.
fn aimed(name: &str, payload: &[u8], prefix: &str, token: &str) -> Vec<u8> {
    let text: String = payload.iter().map(|byte| char::from(*byte)).collect();
    let mut text = text.replace(" /", &format!(" /api/v1/rack-proxy{prefix}"));
    for version in [" HTTP/1.1\r\n", " HTTP/1.0\r\n"] {
        text = text.replace(version, &format!("{version}Authorization: Bearer {token}\r\n"));
    }
    if name == "a body that looks like a request" {
        let body = text.split("\r\n\r\n").nth(1).unwrap();
        let hidden = body.find("GET /api").and_then(|start| body[start + 1..].find("GET /api")).unwrap() + 1;
        text = text.replace("Content-Length: 29", &format!("Content-Length: {hidden}"));
    }
    text.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect()
}

/// RUSTSEC-2021-0078 (CVE-2021-32715), RUSTSEC-2021-0079 (CVE-2021-32714), RUSTSEC-2021-0020 (CVE-2021-21299)
/// and RUSTSEC-2026-0034: lengths and encodings that two servers read differently.
#[tokio::test]
async fn cve_2021_32714_the_rack_sees_as_many_requests_as_were_sent() {
    let gateway = unlimited().await;
    let admin = gateway.token("admin").await;
    let long = corpus::long();
    let long = long.iter().map(|(name, payload, expect)| (*name, payload.as_slice(), *expect));
    let all: Vec<_> = CORPUS.iter().copied().chain(long).collect();
    assert!(all.len() >= 90);
    let runs = all.iter().enumerate().map(|(number, (name, payload, _))| {
        let payload = aimed(name, payload, &prefix(number), &admin);
        let address = gateway.address();
        async move {
            let mut wire = Wire::open(address).await;
            wire.send(&payload).await;
            wire.rest(Duration::from_millis(1_500)).await
        }
    });
    let answers = join_all(runs).await;
    let seen = gateway.rack.requests();
    for (number, (name, _, expect)) in all.iter().enumerate() {
        let count = seen.iter().filter(|request| request.target.starts_with(&prefix(number))).count();
        let right = match expect {
            Expect::Requests(expected) => count == *expected,
            Expect::Refused => count == 0,
            Expect::OneThenRefused => count == 1,
            Expect::Broken => count <= 1,
        };
        assert!(right, "{name}: {expect:?}, but the rack saw {count}; {}", answers[number]);
    }
    assert!(!seen.iter().any(|request| request.target.contains("evil")));
    let outside = seen.iter().filter(|request| !request.target.starts_with("/apps/web/objects/")).count();
    assert_eq!(outside, 0);
}

fn prefix(number: usize) -> String {
    format!("/apps/web/objects/p{number}/")
}

/// RUSTSEC-2026-0033: bytes behind a request for an upgrade were passed on before the upstream had agreed.
#[tokio::test]
async fn rustsec_2026_0033_bytes_behind_an_ungranted_upgrade_stay_here() {
    let upstream = Upstream::start().await;
    let gateway = TestGateway::with([("RACK_HOST", &*upstream.url())]).await;
    let admin = gateway.token("admin").await;
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let behind: [&[u8]; 3] = [
        b"\x81\x85\0\0\0\0hello",
        b"DELETE /apps/web HTTP/1.1\r\nHost: rack\r\nAuthorization: Basic Y29udm94OnJhY2stcGFzc3dvcmQ=\r\n\r\n",
        b"GARBAGE\r\n\r\n",
    ];
    let paths = ["/apps/whole-1", "/apps/whole-1/processes/p/exec", "/apps/whole-1/logs", "/proxy/h/1"];
    for (number, path) in paths.iter().enumerate() {
        for (extra, expected) in behind.iter().zip(1..) {
            let head = raw(&format!("GET /api/v1/rack-proxy{path}"), &admin, upgrade);
            let mut wire = Wire::open(gateway.address()).await;
            wire.send(&[&head, *extra].concat()).await;
            assert_eq!(wire.answer().await.unwrap().status, 200, "{path}");
            let rest = wire.rest(Duration::from_millis(100)).await;
            assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 4"), "{path}: {rest}");
            let heads = upstream.heads();
            assert_eq!(heads.len(), number * behind.len() + expected, "{path}: {heads:?}");
            assert!(heads.last().unwrap().starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{heads:?}");
        }
    }
}

/// A handshake over HTTP/1.0, or one that brings a body, cannot become a tunnel.
#[tokio::test]
async fn rustsec_2026_0033_no_tunnel_over_http_1_0_or_behind_a_body() {
    let gateway = unlimited().await;
    let (admin, viewer) = (gateway.token("admin").await, gateway.token("viewer").await);
    let handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCommand: true\r\n";
    let exec = "GET /api/v1/rack-proxy/apps/web/processes/web-6f9d-abcde/exec";
    for token in [&admin, &viewer] {
        let old = String::from_utf8(raw(exec, token, handshake)).unwrap().replace(" HTTP/1.1", " HTTP/1.0");
        let answer = exchange(gateway.address(), old.as_bytes()).await;
        assert!((400..500).contains(&answer.status), "{answer:?}");
        for (framing, body) in [
            ("Content-Length: 5\r\n", "hello"),
            ("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
        ] {
            let request = [&raw(exec, token, &format!("{handshake}{framing}"))[..], body.as_bytes()].concat();
            let answer = exchange(gateway.address(), &request).await;
            assert!((400..500).contains(&answer.status), "{framing}: {answer:?}");
        }
    }
    assert_eq!(gateway.rack.requests(), []);
}

/// Headers in the trailer were checked by nobody and merged by some.
#[tokio::test]
async fn trailers_end_here() {
    let upstream = Upstream::start().await;
    let gateway = TestGateway::with([("RACK_HOST", &*upstream.url())]).await;
    let admin = gateway.token("admin").await;
    let lines = "Transfer-Encoding: chunked\r\nTrailer: Convox-Actor\r\nTE: trailers\r\n";
    let head = raw("POST /api/v1/rack-proxy/apps/whole-1/objects/x", &admin, lines);
    let request = [&head[..], b"5\r\nhello\r\n0\r\nConvox-Actor: root@example.com\r\n\r\n"].concat();
    let answer = exchange(gateway.address(), &request).await;
    // The upstream would still wait for the end if it had got anything between the last chunk and the empty line.
    assert_eq!(answer.status, 200, "{answer:?}");
    let head = upstream.heads().concat().to_ascii_lowercase();
    assert!(!head.contains("trailer") && !head.contains("root@example.com"), "{head}");
}

/// CVE-2026-71324: CONNECT put a connection of one user into the pool of all.
#[tokio::test]
async fn cve_2026_71324_connect_and_trace_are_not_served() {
    let gateway = unlimited().await;
    let admin = gateway.token("admin").await;
    for request in [
        "CONNECT 127.0.0.1:80",
        "CONNECT rack:443",
        "CONNECT /apps",
        "TRACE /",
        "TRACE /api/v1/rack-proxy/apps",
        "CONNECT /api/v1/health",
    ] {
        let answer = exchange(gateway.address(), &raw(request, &admin, "")).await;
        assert_eq!(answer.status, 405, "{request}: {answer:?}");
        assert!(!answer.text().contains(&admin));
    }
    assert_eq!(gateway.rack.requests(), []);
}

/// CVE-2026-71324: with an upstream that hangs up early and late, each user reads only their own answers.
#[tokio::test]
async fn cve_2026_71324_answers_never_cross() {
    let upstream = Upstream::start().await;
    let gateway =
        TestGateway::with([("RACK_HOST", &*upstream.url()), ("RATE_LIMIT_PER_MINUTE", "1000000")]).await;
    let mut people = Vec::new();
    for _ in 0..4 {
        let token = gateway.token("admin").await;
        let me: serde_json::Value =
            gateway.own(&token, "GET /api/v1/me").send().await.unwrap().json().await.unwrap();
        people.push((token, me["email"].as_str().unwrap().to_owned()));
    }
    let workers = (0..16).map(|worker: usize| {
        let (token, email) = &people[worker % people.len()];
        let gateway = &gateway;
        async move {
            let mut answered = 0;
            for turn in 0..125 {
                answered += usize::from(one_of_many(gateway, token, email, worker, turn).await);
            }
            answered
        }
    });
    let answered: usize = join_all(workers).await.into_iter().sum();
    assert!(answered >= 1_000, "only {answered} whole answers");
}

/// True when a whole answer came, which is then the right one.
async fn one_of_many(gateway: &TestGateway, token: &str, email: &str, worker: usize, turn: usize) -> bool {
    let manner = ["whole", "close", "early", "slow", "whole", "cut", "whole", "close"][(worker + turn) % 8];
    let path = format!("/apps/{manner}-{worker}-{turn}");
    if manner == "slow" {
        // Gone before the answer comes.
        let mut wire = Wire::open(gateway.address()).await;
        wire.send(&raw(&format!("GET /api/v1/rack-proxy{path}"), token, "")).await;
        return false;
    }
    let upload = manner == "early" || turn.is_multiple_of(3);
    let (request, target) = match upload {
        true => (format!("POST {path}/objects/x"), format!("{path}/objects/x")),
        false => (format!("GET {path}"), path),
    };
    let call = gateway.call(token, &request);
    let call = if upload { call.body("y".repeat(50_000)) } else { call };
    let answer = call.send().await.unwrap();
    let status = answer.status();
    let Ok(body) = answer.text().await else { return false };
    match status.as_u16() {
        200 => assert_eq!(body, format!("{target} {email}")),
        // The upstream hung up before an answer could be made out.
        502 => assert!(!body.contains("/apps/"), "{body}"),
        other => panic!("{target}: {other} {body}"),
    }
    status == 200
}
