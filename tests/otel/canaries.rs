//! Secrets in every place of a request: none is in what the collector gets.

use crate::{
    collector::Collector,
    server::Server,
    support::{
        fake_rack::FakeRack,
        wire::{Wire, basic},
    },
    traced,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;

const CANARY: &str = "cNrY0123456789abcdef";

/// Plain, in hexadecimal, and in Base64 whatever stands before it.
fn disguises() -> Vec<String> {
    let encoded = (0..3).map(|offset| {
        let text = BASE64_STANDARD.encode(format!("{}{CANARY}", "x".repeat(offset)));
        text[4..text.len() - 4].to_owned()
    });
    [CANARY.to_owned(), CANARY.to_lowercase(), hex::encode(CANARY)].into_iter().chain(encoded).collect()
}

#[tokio::test]
async fn no_secret_is_in_any_span() {
    let (collector, server) = (Collector::start().await, Server::start("web").await);
    let document = format!("{{\"id\":\"R1\",\"env\":\"KEY={CANARY}\",\"error\":\"{CANARY}\"}}");
    let headers =
        format!("Content-Type: application/json\r\nX-Canary: {CANARY}\r\nContent-Length: {}", document.len());
    let rack = FakeRack::choosing(vec![
        format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n{document}").into_bytes(),
        format!("HTTP/1.1 500 {CANARY}\r\n{headers}\r\n\r\n{document}").into_bytes(),
        format!("{CANARY} no HTTP").into_bytes(),
    ])
    .await;
    let images = tempfile::tempdir().unwrap();
    let variables = [
        ("RACK_HOST", rack.url()),
        ("RACK_TOKEN", CANARY.to_owned()),
        ("REGISTRY_STORAGE", "dir".to_owned()),
        ("REGISTRY_DIR", images.path().display().to_string()),
        ("OTEL_EXPORTER_OTLP_HEADERS", format!("api-key={CANARY}")),
    ];
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let gateway = traced(&collector, &variables).await;
    let admin = gateway.person("admin").await;
    let body = json!({
        "slug": "web", "url": format!("http://{}", server.at), "status": "Healthy", "check": { "type": "none" }
    });
    let registered =
        gateway.own(&admin.token, "PUT /registry-svc/instance").json(&body).send().await.unwrap();
    assert!(registered.status().is_success());

    let lines = [
        format!("GET /api/v1/rack-proxy/apps/{CANARY}"),
        format!("GET /api/v1/rack-proxy/apps/web/releases?limit={CANARY}"),
        format!("GET /api/v1/rack-proxy/apps/web/releases/{CANARY}"),
        format!("POST /api/v1/rack-proxy/apps/{CANARY}/releases"),
        format!("GET /api/v1/racks/{CANARY}/proxy/apps"),
        format!("GET /api/v1/rack-proxy/{CANARY}"),
        format!("{CANARY} /api/v1/rack-proxy/apps"),
        format!("GET /svc/web/{CANARY}?q={CANARY}"),
        format!("GET /svc/{CANARY}/x"),
        format!("GET /v2/{}/tags/list?n={CANARY}", CANARY.to_lowercase()),
        format!("GET /token?scope={CANARY}"),
        format!("POST /v2/{}/blobs/uploads/?digest={CANARY}", CANARY.to_lowercase()),
        format!("GET /api/v1/artifact-proxy/{CANARY}"),
        format!("GET /api/v1/users/{CANARY}"),
        format!("GET /app/{CANARY}"),
        format!("GET /{CANARY}"),
    ];
    let mut answered = 0;
    for line in &lines {
        for (authorization, chosen) in [
            (basic(&admin.token), 0),
            (basic(&admin.token), 1),
            (basic(&admin.token), 2),
            (basic(CANARY), 0),
            (format!("Authorization: Bearer {CANARY}\r\nCookie: session={CANARY}\r\n"), 0),
        ] {
            let form = format!("env=KEY%3D{CANARY}&{CANARY}=1");
            let form = if line.starts_with("POST") { form } else { String::new() };
            let mut wire = Wire::open(gateway.address()).await;
            wire.send(format!(
                "{line} HTTP/1.1\r\nHost: {CANARY}.example.com\r\n{authorization}User-Agent: {CANARY}\r\n\
                 X-Answer: {chosen}\r\nX-Canary: {CANARY}\r\nBaggage: key={CANARY}\r\nTraceparent: {CANARY}\r\n\
                 X-Request-Id: {CANARY}\r\nSentry-Trace: {CANARY}\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{form}",
                form.len()
            ))
            .await;
            let head = wire.try_head().await;
            answered += usize::from(head.is_some());
        }
    }
    assert_eq!(answered, lines.len() * 5);
    gateway.stop().await;
    assert!(collector.spans().len() > lines.len() * 5, "there is something to search");
    let (raw, secrets) =
        (collector.raw(), [disguises(), vec![admin.token.clone(), admin.email.clone()]].concat());
    let raw = String::from_utf8_lossy(&raw);
    for secret in secrets {
        assert!(!raw.contains(&secret), "{secret} came to the collector");
    }
    let sent: Vec<_> = collector.headers().iter().map(|headers| headers["api-key"].clone()).collect();
    assert!(sent.iter().all(|sent| sent == CANARY), "the search would find it");
}
