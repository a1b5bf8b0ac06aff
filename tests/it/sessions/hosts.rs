//! CVE-2025-64101, CVE-2022-23632: under which name the gateway was called.

use crate::support::{exchange::exchange, gateway::TestGateway};

async fn status(gateway: &TestGateway, path: &str, lines: &str) -> u16 {
    let request = format!("GET {path} HTTP/1.1\r\n{lines}\r\n");
    exchange(gateway.address(), request.as_bytes()).await.status
}

#[tokio::test]
async fn cve_2025_64101_other_hosts_are_misdirected() {
    let gateway = TestGateway::with([
        ("DOMAIN", "gateway.example.com"),
        ("ALLOWED_HOSTS", "gateway.internal"),
        ("RATE_LIMIT_PER_MINUTE", "1000000"),
    ])
    .await;
    let paths = ["/api/v1/me", "/api/v1/rack-proxy/apps", "/api/v1/nope", "/"];
    for host in [
        "evil.example",
        "gateway.example.com.",
        "gateway.example.com.evil.example",
        "gateway.example.com@evil.example",
        "sub.gateway.example.com",
        "10.1.2.3",
    ] {
        for path in paths {
            let refused = status(&gateway, path, &format!("Host: {host}\r\n")).await;
            assert!(matches!(refused, 421 | 400), "{path} of {host}: {refused}");
        }
        let forwarded = format!("Host: {host}\r\nX-Forwarded-Host: gateway.example.com\r\n");
        assert!(matches!(status(&gateway, "/api/v1/me", &forwarded).await, 421 | 400), "{host}");
        let health = status(&gateway, "/api/v1/health", &format!("Host: {host}\r\n")).await;
        assert!(matches!(health, 200 | 400), "a load balancer does not know the name: {host}");
    }
    for host in
        ["gateway.example.com", "GATEWAY.example.com:443", "gateway.internal", "localhost", "127.0.0.1:9"]
    {
        assert_eq!(status(&gateway, "/api/v1/me", &format!("Host: {host}\r\n")).await, 401, "{host}");
        let spoofed =
            format!("Host: {host}\r\nX-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\n");
        assert_eq!(status(&gateway, "/api/v1/me", &spoofed).await, 401, "{host}");
    }
    assert_eq!(gateway.rack.requests(), []);
}

#[tokio::test]
async fn without_a_configured_name_none_is_wrong() {
    let gateway = TestGateway::start().await;
    assert_eq!(status(&gateway, "/api/v1/me", "Host: anything.example\r\n").await, 401);
}
