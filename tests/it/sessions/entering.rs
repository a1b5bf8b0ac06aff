//! By what a person is let in, and by what not.

use super::{read, status_of_me};
use crate::support::{
    exchange::exchange,
    gateway::{TestGateway, until_status},
    session::{CLI, Kind, Session, WEB},
};
use rack_gateway::{core::Timestamp, identity::token};
use std::time::Duration;

#[tokio::test]
async fn header_and_cookie_open_the_own_api() {
    let gateway = TestGateway::start().await;
    for kind in [WEB, CLI] {
        let session = gateway.session_of("viewer", &kind).await;
        let (status, me) = read(gateway.own(&session.secret, "GET /api/v1/me")).await;
        assert_eq!((status, &me["email"]), (200, &session.email.as_str().into()));
        assert_eq!(me["session"]["channel"], kind.channel);
        assert_eq!(me["token"], serde_json::Value::Null);
        let basic = gateway.plain("GET /api/v1/me").basic_auth("convox", Some(&session.secret));
        assert_eq!(read(basic).await.0, 200);
        assert_eq!(read(gateway.by_cookie(&session, "GET /api/v1/me")).await.0, 200);
    }
}

#[tokio::test]
async fn a_cookie_opens_no_rack() {
    let gateway = TestGateway::start().await;
    let session = gateway.session("admin").await;
    for path in ["/api/v1/rack-proxy/apps", "/api/v1/racks/demo/proxy/apps"] {
        let by_cookie = gateway.by_page(&session, &format!("GET {path}"));
        assert_eq!(by_cookie.send().await.unwrap().status(), 401, "{path}");
        let by_header = gateway.own(&session.secret, &format!("GET {path}"));
        assert_eq!(by_header.send().await.unwrap().status(), 200, "{path}");
    }
    let seen = gateway.rack.requests();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(!format!("{seen:?}").contains("rgs_"), "the rack never sees a session's secret");
}

#[tokio::test]
async fn the_header_decides_alone() {
    let gateway = TestGateway::start().await;
    let (session, other) = (gateway.session("viewer").await, gateway.session("viewer").await);
    let both = gateway.by_cookie(&session, "GET /api/v1/me").bearer_auth(&other.secret);
    assert_eq!(read(both).await.1["email"], other.email.as_str());
    for bad in ["rgw_no", "rgs_no", ""] {
        let both = gateway.by_cookie(&session, "GET /api/v1/me").bearer_auth(bad);
        assert_eq!(read(both).await.0, 401, "a good cookie does not mend a bad header: {bad}");
    }
}

/// CVE-2026-27840: a part of a credential was as good as the whole.
#[tokio::test]
async fn cve_2026_27840_no_part_of_a_secret_is_a_secret() {
    let gateway = TestGateway::with([("RATE_LIMIT_PER_MINUTE", "1000000")]).await;
    let session = gateway.session("viewer").await;
    for length in 0..session.secret.len() {
        let part = &session.secret[..length];
        assert_eq!(read(gateway.own(part, "GET /api/v1/me")).await.0, 401, "{length}");
        let cookie = gateway.plain("GET /api/v1/me").header("cookie", format!("session_token={part}"));
        assert_eq!(read(cookie).await.0, 401, "{length}");
    }
    let longer = format!("{}A", session.secret);
    assert_eq!(read(gateway.own(&longer, "GET /api/v1/me")).await.0, 401);
    assert_eq!(status_of_me(&gateway, &session).await, 200);
}

/// CVE-2024-28197: a secret that somebody planted in a browser never becomes good.
#[tokio::test]
async fn cve_2024_28197_a_planted_secret_stays_unknown() {
    let gateway = TestGateway::start().await;
    let planted = token::generate_session();
    let ask = || {
        let cookie = format!("session_token={}", planted.expose());
        read(gateway.plain("GET /api/v1/me").header("cookie", cookie))
    };
    assert_eq!(ask().await.0, 401);
    let session = gateway.session("viewer").await;
    assert_ne!(session.secret, planted.expose());
    assert_eq!(ask().await.0, 401, "not after a login either");
    let two = format!("session_token={}; session_token={}", planted.expose(), session.secret);
    let both = gateway.plain("GET /api/v1/me").header("cookie", two);
    assert_eq!(read(both).await.0, 401, "two different cookies mean that one was planted");
}

/// CVE-2026-40303: cookies by the thousand.
#[tokio::test]
async fn cve_2026_40303_a_thousand_cookies_are_too_many() {
    let gateway = TestGateway::start().await;
    let session = gateway.session("viewer").await;
    let cookies: String = (0..1_000).map(|n| format!("Cookie: c{n}={}\r\n", "x".repeat(4_000))).collect();
    let request = format!("GET /api/v1/me HTTP/1.1\r\nHost: gateway\r\n{cookies}\r\n");
    let answer = exchange(gateway.address(), request.as_bytes()).await;
    assert_eq!(answer.status, 431);
    let bearable: String = (0..20).map(|n| format!("c{n}={}; ", "x".repeat(4_000))).collect();
    let asked = gateway.plain("GET /api/v1/me").header("cookie", format!("{bearable}{}", session.cookie()));
    assert_eq!(read(asked).await.0, 200);
}

fn ago(gateway: &TestGateway, seconds: u64) -> Timestamp {
    let micros = Duration::from_secs(seconds).as_micros() as i64;
    Timestamp::from_micros(gateway.clock.now().as_micros() - micros)
}

#[tokio::test]
async fn sessions_end_by_the_clock() {
    let gateway = TestGateway::start().await;
    let hour = 3_600;
    for (kind, status) in [
        (Kind { last_seen: Some(ago(&gateway, hour - 60)), ..WEB }, 200),
        (Kind { last_seen: Some(ago(&gateway, hour)), ..WEB }, 401),
        (Kind { last_seen: Some(ago(&gateway, 24 * hour)), expires: Some(ago(&gateway, 0)), ..CLI }, 401),
        (Kind { last_seen: Some(ago(&gateway, 24 * hour)), ..CLI }, 200),
        (Kind { last_seen: Some(ago(&gateway, 30 * 24 * hour)), ..CLI }, 401),
        (Kind { expires: Some(ago(&gateway, 1)), ..WEB }, 401),
    ] {
        let session = gateway.session_of("viewer", &kind).await;
        assert_eq!(status_of_me(&gateway, &session).await, status, "{} {:?}", kind.channel, kind.last_seen);
    }
}

#[tokio::test]
async fn limits_are_configured() {
    let gateway = TestGateway::with([("WEB_SESSION_IDLE", "2m"), ("CLI_SESSION_IDLE", "4m")]).await;
    let seen = |seconds| Some(ago(&gateway, seconds));
    for (kind, status) in [
        (Kind { last_seen: seen(100), ..WEB }, 200),
        (Kind { last_seen: seen(130), ..WEB }, 401),
        (Kind { last_seen: seen(130), ..CLI }, 200),
        (Kind { last_seen: seen(250), ..CLI }, 401),
    ] {
        let session = gateway.session_of("viewer", &kind).await;
        assert_eq!(status_of_me(&gateway, &session).await, status, "{}", kind.channel);
    }
}

#[tokio::test]
async fn a_locked_user_is_not_let_in() {
    let gateway = TestGateway::start().await;
    let session = gateway.session("viewer").await;
    assert_eq!(status_of_me(&gateway, &session).await, 200);
    gateway.db.set_user_lock(&session.email, Some((gateway.clock.now(), "left"))).await.unwrap();
    until_status(|| gateway.own(&session.secret, "GET /api/v1/me"), 401).await;
    assert_eq!(status_of_me(&gateway, &session).await, 401);
    let another: Session = session.another(&gateway.db, gateway.clock.now(), &WEB).await;
    assert_eq!(status_of_me(&gateway, &another).await, 401);
}
