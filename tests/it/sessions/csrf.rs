//! CVE-2019-19025, CVE-2021-29652: what a browser does on somebody else's behalf.

use super::{read, unsafe_routes};
use crate::support::{
    exchange::exchange,
    gateway::TestGateway,
    session::{Kind, WEB},
};

/// CVE-2019-19025, CVE-2021-29652: another site's page made the browser call with its cookie.
#[tokio::test]
async fn every_unsafe_route_wants_the_token_of_this_session() {
    let gateway = TestGateway::with([("RATE_LIMIT_PER_MINUTE", "1000000")]).await;
    let fresh = Kind { step_up: Some(gateway.clock.now()), ..WEB };
    let (session, other) =
        (gateway.session_of("admin", &fresh).await, gateway.session_of("admin", &fresh).await);
    let routes = unsafe_routes();
    assert!(routes.len() >= 4, "{routes:?}");
    for route in &routes {
        let bare = || gateway.by_cookie(&session, route);
        let attempts = [
            ("no token", bare()),
            ("an empty token", bare().header("x-csrf-token", "")),
            ("another's token", bare().header("x-csrf-token", other.csrf())),
            ("part of the token", bare().header("x-csrf-token", &session.csrf()[..42])),
            (
                "a plain body",
                bare().header("x-csrf-token", session.csrf()).header("content-type", "text/plain").body("{}"),
            ),
            (
                "a form",
                bare()
                    .header("x-csrf-token", session.csrf())
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body("a=b"),
            ),
            (
                "another site",
                bare().header("x-csrf-token", session.csrf()).header("sec-fetch-site", "cross-site"),
            ),
            (
                "a sibling site",
                bare().header("x-csrf-token", session.csrf()).header("sec-fetch-site", "same-site"),
            ),
        ];
        for (what, attempt) in attempts {
            let (status, document) = read(attempt).await;
            assert_eq!((status, &document["code"]), (403, &"csrf".into()), "{route} with {what}: {document}");
        }
    }
    let (status, _) = read(gateway.own(&session.secret, "GET /api/v1/me")).await;
    assert_eq!(status, 200, "nothing of it logged anybody out");
    let record = gateway.lines.wait_for(|record| record["action"] == "session.logout").await;
    assert_eq!((&record["rbac_decision"], &record["status"]), (&"deny".into(), &"denied".into()));
}

/// Whoever comes by header is no browser that was tricked.
#[tokio::test]
async fn the_header_needs_no_token() {
    let gateway = TestGateway::start().await;
    let session = gateway.session("viewer").await;
    let request = gateway
        .own(&session.secret, "POST /api/v1/sessions/revoke-others")
        .header("sec-fetch-site", "cross-site")
        .header("cookie", session.cookie());
    assert_eq!(read(request).await.0, 200);
}

#[tokio::test]
async fn our_own_pages_get_through() {
    let gateway = TestGateway::start().await;
    let session = gateway.session("viewer").await;
    let info = read(gateway.by_cookie(&session, "GET /api/v1/info")).await.1;
    let request = gateway
        .by_cookie(&session, "POST /api/v1/sessions/revoke-others")
        .header("x-csrf-token", info["csrf_token"].as_str().unwrap())
        .json(&serde_json::json!({}));
    assert_eq!(read(request).await.0, 200);
}

/// CVE-2023-26114, CVE-2020-14368: a websocket by cookie comes from our own page or not at all.
#[tokio::test]
async fn cve_2023_26114_websockets_by_cookie_name_our_page() {
    let gateway = TestGateway::with([("PUBLIC_URL", "http://gateway"), ("COOKIE_SECURE", "false")]).await;
    let session = gateway.session("viewer").await;
    let ask = async |credential: String, origin: &str| {
        let origin = if origin.is_empty() { String::new() } else { format!("Origin: {origin}\r\n") };
        let request = format!(
            "GET /api/v1/me HTTP/1.1\r\nHost: gateway\r\n{credential}\r\n{origin}Connection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        exchange(gateway.address(), request.as_bytes()).await.status
    };
    let cookie = || format!("Cookie: {}", session.cookie());
    for origin in [
        "",
        "null",
        "https://evil.example",
        "https://gateway",
        "http://gateway.evil.example",
        "http://x.gateway",
        "http://gateway:81",
        "file://",
    ] {
        assert_eq!(ask(cookie(), origin).await, 403, "{origin}");
    }
    assert_eq!(ask(cookie(), "http://gateway").await, 200);
    let bearer = format!("Authorization: Bearer {}", session.secret);
    assert_eq!(ask(bearer.clone(), "").await, 200, "a command line has no page");
    assert_eq!(ask(bearer, "https://evil.example").await, 200);
}
