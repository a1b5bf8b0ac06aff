//! What every client meets before its request means anything: limits, headers, probes, numbers.

use crate::support::{
    exchange::{Wire, exchange},
    gateway::TestGateway,
};
use rack_gateway::{api, gateway::classify::convox::routes};
use reqwest::Response;
use std::{collections::BTreeSet, time::Duration};

#[tokio::test]
async fn over_the_limit_is_answered_as_published() {
    let gateway = TestGateway::with([("RATE_LIMIT_PER_MINUTE", "5")]).await;
    for _ in 0..5 {
        assert_eq!(gateway.anonymous("GET /apps").send().await.unwrap().status(), 401);
    }
    for request in ["GET /apps", "POST /apps"] {
        let answer =
            gateway.anonymous(request).header("x-forwarded-for", "203.0.113.9").send().await.unwrap();
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.headers()["retry-after"], "60");
        assert_eq!(answer.headers()["content-type"], "application/json");
        assert_eq!(answer.headers()["x-request-id"].len(), 36);
        let body = answer.text().await.unwrap();
        let seconds = body
            .strip_prefix(
                r#"{"statusCode":429,"error":"Too Many Requests","message":"Rate limit exceeded, retry in "#,
            )
            .and_then(|rest| rest.strip_suffix(r#"s"}"#))
            .unwrap_or_else(|| panic!("{body}"));
        assert!((1..=60).contains(&seconds.parse::<u8>().unwrap()), "{body}");
    }
    for path in ["/health", "/api/v1/health", "/api/v1/health/live"] {
        for _ in 0..10 {
            assert_eq!(reqwest::get(gateway.url(path)).await.unwrap().status(), 200, "{path}");
        }
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_its_own_budget() {
    let gateway =
        TestGateway::with([("RATE_LIMIT_PER_MINUTE", "2"), ("TRUSTED_PROXY_CIDRS", "127.0.0.1/32")]).await;
    let ask = async |forwarded: &str| {
        gateway
            .anonymous("GET /apps")
            .header("x-forwarded-for", forwarded)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    for client in ["203.0.113.1", "203.0.113.2", "2001:db8::1", "2001:db8:0:1::1"] {
        let statuses = [ask(client).await, ask(client).await, ask(client).await];
        assert_eq!(statuses, [401, 401, 429], "{client}");
    }
    assert_eq!(ask("198.51.100.77, 203.0.113.1").await, 429, "only the last hop counts");
    assert_eq!(ask("2001:db8::ffff").await, 429, "an IPv6 client has a whole /64");
}

/// One answer of every kind.
async fn answers(gateway: &TestGateway, viewer: &str) -> Vec<(&'static str, u16, Response)> {
    let form = |request: reqwest::RequestBuilder| {
        request.header("content-type", "application/x-www-form-urlencoded")
    };
    let calls = vec![
        ("rack answer", 200, gateway.call(viewer, "GET /apps")),
        ("rack 404", 404, gateway.call(viewer, "GET /apps/nope")),
        ("anonymous", 401, gateway.anonymous("GET /apps")),
        ("denied", 403, gateway.call(viewer, "POST /apps/web/restart")),
        ("bad parameter", 400, gateway.call(viewer, "GET /apps?x=1")),
        ("unknown route", 404, gateway.call(viewer, "GET /nope")),
        ("preflight", 404, gateway.call(viewer, "GET /machines")),
        ("unknown rack", 404, gateway.own(viewer, "GET /api/v1/racks/nope/proxy/apps")),
        ("own answer", 200, gateway.own(viewer, "GET /api/v1/me")),
        ("own denied", 403, gateway.own(viewer, "GET /api/v1/audit-logs")),
        ("own wrong method", 405, gateway.own(viewer, "DELETE /api/v1/me")),
        ("own unknown", 404, gateway.own(viewer, "GET /api/v1/unknown")),
        ("nowhere", 404, gateway.own(viewer, "GET /nowhere")),
        ("health", 200, gateway.own(viewer, "GET /health")),
        ("health by post", 405, gateway.own(viewer, "POST /health")),
        ("media type", 403, form(gateway.call(viewer, "POST /apps")).body("name=a")),
    ];
    let mut answers = Vec::new();
    for (name, status, call) in calls {
        answers.push((name, status, call.send().await.unwrap()));
    }
    answers
}

#[tokio::test]
async fn every_answer_has_its_id_and_tells_browsers_to_do_nothing_with_it() {
    let gateway = TestGateway::start().await;
    let viewer = gateway.token("viewer").await;
    let mut ids = BTreeSet::new();
    let answers = answers(&gateway, &viewer).await;
    for (name, status, answer) in &answers {
        assert_eq!(answer.status(), *status, "{name}");
        let headers = answer.headers();
        for (header, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ] {
            assert_eq!(headers[header], value, "{name}");
            assert_eq!(headers.get_all(header).iter().count(), 1, "{name}: {header}");
        }
        assert!(!headers.contains_key("strict-transport-security"), "{name}: this is plain HTTP");
        assert!(!headers.contains_key("server") && !headers.contains_key("set-cookie"), "{name}");
        ids.insert(headers["x-request-id"].to_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), answers.len(), "each its own");
}

#[tokio::test]
async fn a_rack_that_is_away_is_a_502_with_an_id() {
    let gateway = TestGateway::with([("RACK_HOST", "http://127.0.0.1:1")]).await;
    let viewer = gateway.token("viewer").await;
    let answer =
        gateway.call(&viewer, "GET /apps").header("accept", "application/json").send().await.unwrap();
    assert_eq!(answer.status(), 502);
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let document: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(document["error"], "the rack cannot be reached");
    assert_eq!(
        (&document["code"], &document["request_id"]),
        (&"upstream_unreachable".into(), &id.clone().into())
    );
    let record = gateway.lines.wait_for(|record| record["request_id"] == id.as_str()).await;
    assert_eq!((&record["status"], &record["rbac_decision"]), (&"error".into(), &"allow".into()));
}

#[tokio::test]
async fn own_answers_are_compressed_as_asked_and_not_sent_twice() {
    let gateway = TestGateway::start().await;
    let admin = gateway.token("admin").await;
    for _ in 0..3 {
        gateway.call(&admin, "GET /apps").send().await.unwrap();
    }
    let request = "GET /api/v1/audit-logs?action=app.list";
    let until_written = async {
        loop {
            let page: serde_json::Value =
                gateway.own(&admin, request).send().await.unwrap().json().await.unwrap();
            if page["logs"].as_array().unwrap().len() == 3 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), until_written).await.unwrap();

    let plain = gateway.own(&admin, request).send().await.unwrap();
    assert!(!plain.headers().contains_key("content-encoding"));
    assert_eq!(plain.headers()["cache-control"], "private, no-cache");
    let tag = plain.headers()["etag"].clone();
    let size = plain.bytes().await.unwrap().len();
    for coding in ["gzip", "deflate", "br"] {
        let answer = gateway.own(&admin, request).header("accept-encoding", coding).send().await.unwrap();
        assert_eq!(answer.headers()["content-encoding"], coding);
        let vary: Vec<_> = answer
            .headers()
            .get_all("vary")
            .iter()
            .map(|value| value.to_str().unwrap().to_ascii_lowercase())
            .collect();
        let vary = vary.join(",");
        assert!(vary.contains("accept-encoding") && vary.contains("authorization"), "{vary}");
        assert_eq!(answer.headers()["etag"], tag);
        assert!(tag.as_bytes().starts_with(b"W/"), "one tag for several encodings must be weak");
        assert!(answer.bytes().await.unwrap().len() < size);

        let known =
            gateway.own(&admin, request).header("accept-encoding", coding).header("if-none-match", &tag);
        let known = known.send().await.unwrap();
        assert_eq!(known.status(), 304, "{coding}");
        assert!(known.bytes().await.unwrap().is_empty());
    }
    let none = gateway.own(&admin, request).header("accept-encoding", "identity, zstd").send().await.unwrap();
    assert!(!none.headers().contains_key("content-encoding"));
    let other = gateway.own(&admin, request).header("if-none-match", "\"x\", W/\"y\"").send().await.unwrap();
    assert_eq!(other.status(), 200);
    let refused = gateway.anonymous("GET /apps").header("if-none-match", "*").send().await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["cache-control"]),
        (401, &"no-store".parse().unwrap())
    );
}

/// As Nginx checks its upstreams.
#[tokio::test]
async fn a_probe_by_http_1_0_without_a_host_is_answered() {
    let gateway = TestGateway::start().await;
    for path in ["/health", "/api/v1/health"] {
        let mut wire = Wire::open(gateway.address()).await;
        wire.send(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await;
        let answer = wire.answer().await.unwrap();
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.text().starts_with(r#"{"status":"ok""#));
        assert_eq!(wire.rest(Duration::from_secs(2)).await, "", "and then it is over");
    }
    let exact = exchange(gateway.address(), b"GET /api/v1/health HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(exact.text(), r#"{"status":"ok"}"#);
    let checks = exchange(gateway.address(), b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n").await.text();
    assert!(checks.contains(r#""storage":{"status":"ok"}"#), "{checks}");
}

async fn scrape(gateway: &TestGateway) -> String {
    reqwest::get(gateway.ops_url("/metrics")).await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn requests_are_counted_and_timed_by_route() {
    let gateway = TestGateway::start().await;
    let viewer = gateway.token("viewer").await;
    gateway.call(&viewer, "GET /apps/web/builds").send().await.unwrap();
    gateway.call(&viewer, "POST /apps/web/ssl/web/443").send().await.unwrap();
    let metrics = scrape(&gateway).await;
    let counted = r#"http_requests_total{method="GET",route="/apps/{app}/builds",status="200"}"#;
    assert!(metrics.contains(counted), "{metrics}");
    for bound in ["0.001", "0.005", "0.01", "0.05", "0.1", "0.5", "1", "5", "10", "+Inf"] {
        let bucket = format!(
            r#"http_request_duration_seconds_bucket{{method="GET",route="/apps/{{app}}/builds",status_code="200",le="{bound}"}}"#
        );
        assert!(metrics.contains(&bucket), "{bucket}");
    }
    let buckets = metrics.lines().filter(|line| line.starts_with("http_request_duration_seconds_bucket{method=\"GET\",route=\"/apps/{app}/builds\",status_code=\"200\""));
    assert_eq!(buckets.count(), 10, "the published buckets and no others");
    for family in ["http_requests_total counter", "http_request_duration_seconds histogram"] {
        assert!(metrics.contains(&format!("# TYPE {family}\n")), "{family}");
    }
    assert_eq!(reqwest::get(gateway.url("/metrics")).await.unwrap().status(), 404, "not for the public");
}

#[tokio::test]
async fn decisions_bytes_and_tokens_are_counted() {
    let gateway = TestGateway::start().await;
    let (viewer, admin) = (gateway.token("viewer").await, gateway.token("admin").await);
    let (granted, denied) = (
        r#"gateway_decisions_total{decision="allow",reason="granted"}"#,
        r#"gateway_decisions_total{decision="deny",reason="denied"}"#,
    );
    let sent = r#"upstream_bytes_total{rack="demo",direction="sent"}"#;
    let received = r#"upstream_bytes_total{rack="demo",direction="received"}"#;
    let before = scrape(&gateway).await;
    gateway.call(&viewer, "GET /apps").send().await.unwrap();
    gateway.call(&viewer, "POST /apps/web/restart").send().await.unwrap();
    let upload = gateway.call(&admin, "POST /apps/web/objects/a").body(vec![b'x'; 100_000]);
    assert_eq!(upload.send().await.unwrap().status(), 200);
    gateway
        .lines
        .wait_for(|record| record["action"] == "object.create" && record["event"] == "outcome")
        .await;
    let after = scrape(&gateway).await;
    // Tests beside this one add to the same numbers.
    for (series, least) in [(granted, 2), (denied, 1), (sent, 100_000), (received, 300)] {
        let grown = value(&after, series).unwrap() - value(&before, series).unwrap_or(0);
        assert!(grown >= least, "{series} grew by {grown}");
    }
    let token =
        gateway.lines.wait_for(|record| record["action"] == "object.create").await["token_name"].clone();
    let used = format!("gateway_token_requests_total{{token={token}}}");
    assert!(value(&after, &used).unwrap() >= 2, "{used}");
}

fn value(metrics: &str, series: &str) -> Option<u64> {
    metrics.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_cannot_make_series() {
    let gateway = TestGateway::with([("RATE_LIMIT_PER_MINUTE", "1000000")]).await;
    let admin = gateway.token("admin").await;
    let mut wire = Wire::open(gateway.address()).await;
    for number in 0..3_000 {
        let method = ["GET", "POST", "PROPFIND", "ZQX", "DELETE"][number % 5];
        let path = match number % 6 {
            0 => format!("/api/v1/rack-proxy/apps/zq{number}"),
            1 => format!("/api/v1/rack-proxy/zq{number}"),
            2 => format!("/api/v1/racks/zq{number}/proxy/apps"),
            3 => format!("/zq{number}"),
            4 => format!("/api/v1/zq{number}"),
            _ => format!("/api/v1/rack-proxy/apps?zq{number}=1"),
        };
        let method = if method == "ZQX" { format!("ZQX{number}") } else { method.to_owned() };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {admin}\r\nContent-Length: 0\r\n\r\n"
        );
        wire.send(request.as_bytes()).await;
        wire.answer().await.unwrap();
    }
    let metrics = scrape(&gateway).await;
    assert!(!metrics.contains("zq") && !metrics.contains("ZQX"));
    let own = [
        "/health",
        "/api/v1/health",
        "/api/v1/health/live",
        "/app",
        "unknown",
        "preflight",
        "rate-limited",
        "wrong-host",
        "panic",
        "/token",
        "/svc/{slug}/",
        "/.well-known/jwks.json",
    ];
    let known: BTreeSet<&str> = routes()
        .map(|route| route.template)
        .chain(api::routes().into_iter().map(|route| route.path))
        .chain(own)
        .collect();
    for line in metrics.lines().filter(|line| line.starts_with("http_requests_total{")) {
        let route = line.split("route=\"").nth(1).unwrap().split('"').next().unwrap();
        // Other tests of this process call the registries, whose routes are named by their own lists.
        let is_of_a_registry = route.starts_with("/v2/") || route.starts_with("/artifact/");
        assert!(known.contains(route) || is_of_a_registry, "{line}");
    }
}
