//! What of a rack's answer passes, and what does not.

use super::faults::ask;
use crate::support::{
    fake_rack::FakeRack,
    gateway::TestGateway,
    wire::{Body, Head},
};
use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use std::io::Write as _;

async fn answer_to(
    role: &str,
    line: &str,
    answer: impl Into<Vec<u8>>,
) -> (TestGateway, FakeRack, Head, Body) {
    let rack = FakeRack::answering(answer).await;
    let gateway = TestGateway::with([("RACK_HOST", &rack.url())]).await;
    let token = gateway.token(role).await;
    let (head, body) = ask(&gateway, &token, line, "Accept: application/json\r\n").await;
    (gateway, rack, head, body)
}

/// A 401 of the rack's would make the client throw its own good token away.
#[tokio::test]
async fn a_rack_that_refuses_the_gateway_is_not_the_clients_fault() {
    let refusal = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"rack\"\r\nContent-Length: 15\r\n\r\nbad rack-secret";
    let (gateway, _rack, head, body) = answer_to("viewer", "GET /apps", refusal).await;
    assert_eq!((head.status(), head.header("www-authenticate")), (502, None));
    let document: Value = serde_json::from_str(&body.text()).unwrap();
    assert_eq!(document["code"], "upstream_credential");
    assert!(!body.text().contains("rack-secret"));
    let record = gateway.lines.wait_for(|record| record["action"] == "app.list").await;
    assert_eq!((&record["http_status"], &record["status"]), (&502.into(), &"error".into()));
}

#[tokio::test]
async fn redirects_are_passed_on_and_not_followed() {
    for (status, location) in
        [(301, "http://127.0.0.1:1/elsewhere"), (307, "/apps2"), (308, "//evil.example/")]
    {
        let answer = format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        let (_gateway, rack, head, _) = answer_to("viewer", "GET /apps", answer).await;
        assert_eq!((head.status(), head.header("location")), (status, Some(location)));
        assert_eq!(rack.seen().len(), 1);
    }
}

/// A cookie of the rack's would be one of the gateway's own to a browser; the others belong to the connection.
#[tokio::test]
async fn cookies_and_headers_of_the_connection_stop_at_the_gateway() {
    let answer = "HTTP/1.1 200 OK\r\nSet-Cookie: session=1\r\nSet-Cookie: other=2\r\nX-Hop: 1\r\nConnection: x-hop\r\n\
                  Keep-Alive: timeout=9\r\nProxy-Authenticate: Basic\r\nTrailer: x\r\nX-Kept: yes\r\nX-Kept: twice\r\n\
                  Request-Id: abc\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]";
    let (_gateway, _rack, head, body) = answer_to("viewer", "GET /apps", answer).await;
    for name in ["set-cookie", "x-hop", "keep-alive", "proxy-authenticate", "trailer"] {
        assert_eq!(head.header(name), None, "{head:?}");
    }
    let kept: Vec<_> = head.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("x-kept")).collect();
    assert_eq!(kept.len(), 2, "{head:?}");
    assert_eq!((head.header("request-id"), head.header("content-length")), (Some("abc"), Some("2")));
    assert_eq!(body, Body::Whole(b"[]".to_vec()));
}

#[tokio::test]
async fn interim_answers_are_not_taken_for_the_answer() {
    let answer =
        "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]";
    let (_gateway, _rack, head, body) = answer_to("viewer", "GET /apps", answer).await;
    assert_eq!((head.status(), body.text().as_str()), (200, "[]"));
}

/// A rack that switches protocols unasked does not get a tunnel.
#[tokio::test]
async fn an_unasked_101_is_refused() {
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nGET / HTTP/1.1\r\n\r\n";
    let (_gateway, _rack, head, _) = answer_to("viewer", "GET /apps", answer).await;
    assert_eq!(head.status(), 502, "{head:?}");
}

#[tokio::test]
async fn large_headers_pass_and_huge_ones_do_not() {
    let answer = |size: usize| {
        format!("HTTP/1.1 200 OK\r\nX-Large: {}\r\nContent-Length: 2\r\n\r\n[]", "a".repeat(size))
    };
    let (_gateway, _rack, head, _) = answer_to("viewer", "GET /apps", answer(50_000)).await;
    assert_eq!((head.status(), head.header("x-large").map(str::len)), (200, Some(50_000)));
    let (_gateway, _rack, head, _) = answer_to("viewer", "GET /apps", answer(2_000_000)).await;
    assert_eq!(head.status(), 502);
    let many: String = (0..2_000).map(|number| format!("X-{number}: 1\r\n")).collect();
    let many = format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 2\r\n\r\n[]");
    let (_gateway, _rack, head, _) = answer_to("viewer", "GET /apps", many).await;
    assert_eq!(head.status(), 502);
}

/// What cannot be read cannot be masked, so it is not shown: not even to who may see everything.
#[tokio::test]
async fn releases_that_cannot_be_read_are_not_shown() {
    const SECRET: &str = "DATABASE_PASSWORD=hunter2";
    let zipped = {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(format!("[{{\"id\":\"R1\",\"env\":\"{SECRET}\"}}]").as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let plain = |body: &[u8], headers: &str| {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    };
    let answers = [
        plain(SECRET.as_bytes(), ""),
        plain(format!("[{{\"id\":\"R1\",\"env\":\"{SECRET}\"}}").as_bytes(), ""),
        plain(format!("\u{feff}[{{\"id\":\"R1\",\"env\":\"{SECRET}\"}}]").as_bytes(), ""),
        plain(format!("[{{\"id\":\"R1\",\"env\":{{\"a\":\"{SECRET}\"}}}}]").as_bytes(), ""),
        plain(format!("[{{\"id\":\"R1\",\"env\":[\"{SECRET}\"]}}]").as_bytes(), ""),
        plain(&zipped, "Content-Encoding: gzip\r\n"),
        plain(&zipped, ""),
        format!("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n[{{\"id\":\"R1\",\"env\":\"{SECRET}\"")
            .into_bytes(),
    ];
    let rack = FakeRack::choosing(answers.to_vec()).await;
    let gateway = TestGateway::with([("RACK_HOST", &rack.url())]).await;
    for role in ["deployer", "admin"] {
        let token = gateway.token(role).await;
        for (number, answer) in answers.iter().enumerate() {
            for line in ["GET /apps/web/releases", "GET /apps/web/releases/R1"] {
                let headers = format!("Accept: application/json\r\nX-Answer: {number}\r\n");
                let (head, body) = ask(&gateway, &token, line, &headers).await;
                let shown = String::from_utf8_lossy(answer);
                assert_eq!(head.status(), 502, "{role} {line} {shown}");
                assert!(!body.text().contains("hunter2"), "{role} {line} {shown}");
                let document: Value = serde_json::from_str(&body.text()).unwrap();
                assert_eq!(document["code"], "upstream_answer", "{role} {line} {shown}");
            }
        }
    }
}

/// An error of the rack's is passed on as it is: it is what the CLI shows.
#[tokio::test]
async fn errors_of_the_rack_are_passed_on() {
    for (status, text) in
        [(400, "bad"), (403, "no"), (404, "no such app"), (409, "busy"), (500, "oops"), (503, "later")]
    {
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{text}", text.len());
        let (_gateway, _rack, head, body) = answer_to("viewer", "GET /apps", answer).await;
        assert_eq!((head.status(), body.text().as_str()), (status, text));
    }
}

/// Head, a part of the body, and the end of the connection arrive together: the client gets what there is.
#[tokio::test]
async fn the_beginning_of_an_answer_that_breaks_off_at_once_is_passed_on() {
    let rack = FakeRack::start(|mut visit| async move {
        visit.request().await;
        visit.wire.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{\"name\":").await;
    })
    .await;
    let gateway = TestGateway::with([("RACK_HOST", &rack.url())]).await;
    let token = gateway.token("viewer").await;
    for _ in 0..20 {
        let (head, body) = ask(&gateway, &token, "GET /apps", "").await;
        assert_eq!((head.status(), body), (200, Body::Cut(b"[{\"name\":".to_vec())));
    }
    let record = gateway.lines.wait_for(|record| record["action"] == "app.list").await;
    assert_eq!(record["reason"], "the rack broke off its answer");
}
