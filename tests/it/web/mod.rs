//! The console as a browser, and somebody who is no browser, meet it.

use crate::support::{exchange::exchange, gateway::TestGateway};
use rack_gateway::web::Pages;
use reqwest::{Client, Response, redirect::Policy};
use serde_json::{Value, json};

fn client() -> Client {
    Client::builder().redirect(Policy::none()).build().unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

#[tokio::test]
async fn every_page_can_be_opened_by_anyone_and_may_run_nothing_foreign() {
    let gateway = TestGateway::start().await;
    let mut paths: Vec<_> = Pages::all().map(|page| format!("/app/{}", page.replace('$', "x"))).collect();
    assert!(paths.len() > 5);
    paths.extend(
        ["/app/login?returnTo=//evil.example", "/app/nowhere", "/", "/robots.txt", "/app/x.js"]
            .map(str::to_owned),
    );
    for path in paths {
        let response = client().get(gateway.url(&path)).send().await.unwrap();
        let policy = header(&response, "content-security-policy").to_owned();
        for part in [
            "default-src 'none'",
            "script-src 'self';",
            "style-src 'self';",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.contains(part), "{path}: {part} is missing in {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(header(&response, "x-frame-options"), "DENY", "{path}");
        assert_eq!(header(&response, "referrer-policy"), "no-referrer", "{path}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header(&response, "cross-origin-opener-policy"), "same-origin", "{path}");
        assert!(header(&response, "permissions-policy").contains("camera=()"), "{path}");
        assert_eq!(header(&response, "x-request-id").len(), 36, "{path}");
        assert!(!response.headers().contains_key("set-cookie"), "{path}");
    }
}

/// Where the operators want to hear of errors in the pages, these may send to that one origin and learn which it is,
/// also before a login.
#[tokio::test]
async fn pages_may_report_their_errors_to_one_place() {
    let dsn = "https://publickey@Reports.example:8443/sentry/7";
    let gateway = TestGateway::with([("SENTRY_JS_DSN", dsn), ("SENTRY_ENVIRONMENT", "staging")]).await;
    for path in ["/app/", "/app/login", "/app/nowhere", "/robots.txt"] {
        let response = client().get(gateway.url(path)).send().await.unwrap();
        let policy = header(&response, "content-security-policy");
        assert!(
            policy.contains("; connect-src 'self' https://reports.example:8443; form-action"),
            "{policy}"
        );
        assert_eq!(policy.matches("reports.example").count(), 1, "{policy}");
        assert!(!policy.contains("publickey"), "{policy}");
    }
    let ways: Value =
        reqwest::get(gateway.url("/api/v1/auth/providers")).await.unwrap().json().await.unwrap();
    let release = concat!("rack-gateway@", env!("CARGO_PKG_VERSION"));
    let expected =
        json!({ "dsn": dsn, "environment": "staging", "release": release, "traces_sample_rate": 0.0 });
    assert_eq!(ways["sentry"], expected);

    let silent = TestGateway::start().await;
    let response = client().get(silent.url("/app/login")).send().await.unwrap();
    assert!(header(&response, "content-security-policy").contains("; connect-src 'self'; form-action"));
    let ways: Value = reqwest::get(silent.url("/api/v1/auth/providers")).await.unwrap().json().await.unwrap();
    assert_eq!(ways["sentry"], Value::Null);
}

#[tokio::test]
async fn pages_are_never_kept_and_never_echo() {
    let gateway = TestGateway::start().await;
    let plain = client().get(gateway.url("/app/login")).send().await.unwrap();
    assert_eq!(plain.status(), 200);
    assert_eq!(header(&plain, "content-type"), "text/html; charset=utf-8");
    assert_eq!(header(&plain, "cache-control"), "no-store");
    let plain = plain.text().await.unwrap();
    assert!(plain.to_lowercase().starts_with("<!doctype html>"));
    for query in ["?returnTo=%3Cscript%3Ealert(1)%3C/script%3E", "?code=x%0d%0aSet-Cookie:%20a=b", "?%00"] {
        let asked = client().get(gateway.url(&format!("/app/login{query}"))).send().await.unwrap();
        assert_eq!(asked.text().await.unwrap(), plain, "{query}");
    }
}

#[tokio::test]
async fn the_root_leads_to_the_console() {
    let gateway = TestGateway::start().await;
    for path in ["/", "/?x=//evil.example", "/app"] {
        let response = client().get(gateway.url(path)).send().await.unwrap();
        assert_eq!((response.status().as_u16(), header(&response, "location")), (302, "/app/"), "{path}");
    }
}

#[tokio::test]
async fn robots_are_sent_away_and_told_so_only_once() {
    let gateway = TestGateway::start().await;
    let first = client().get(gateway.url("/robots.txt")).send().await.unwrap();
    let tag = header(&first, "etag").to_owned();
    assert_eq!(header(&first, "content-type"), "text/plain; charset=utf-8");
    assert_eq!(first.text().await.unwrap(), "User-agent: *\nDisallow: /\n");
    let again = client().get(gateway.url("/robots.txt")).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    assert_eq!(header(&again, "etag"), tag);
    assert_eq!(again.text().await.unwrap(), "");
}

#[tokio::test]
async fn a_head_is_a_get_without_the_body_and_nothing_else_is_allowed() {
    let gateway = TestGateway::start().await;
    let get = client().get(gateway.url("/app/")).send().await.unwrap();
    let head = client().head(gateway.url("/app/")).send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(header(&head, "content-type"), header(&get, "content-type"));
    assert_eq!(header(&head, "content-length"), get.bytes().await.unwrap().len().to_string());
    assert_eq!(head.text().await.unwrap(), "");
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let asked =
            client().request(method.parse().unwrap(), gateway.url("/app/login")).send().await.unwrap();
        assert_eq!((asked.status().as_u16(), header(&asked, "allow")), (405, "GET, HEAD"), "{method}");
    }
}

#[tokio::test]
async fn no_path_leads_out_of_the_console() {
    let gateway = TestGateway::start().await;
    for path in [
        "/app/../Cargo.toml",
        "/app/../../../../etc/passwd",
        "/app/%2e%2e/%2e%2e/etc/passwd",
        "/app/..%2fCargo.toml",
        "/app/assets/../index.html",
        "/app/assets/..%5c..%5cCargo.toml",
        "/app/assets/%00",
        "/app/.gitignore",
        "/app/index.html.br",
        "/app//etc/passwd",
        "/app/assets/",
        "/app/src/main.tsx",
        "/app/package.json",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = exchange(gateway.address(), request.as_bytes()).await;
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.head);
        let text = answer.text();
        assert!(
            !text.contains("[package]") && !text.contains("root:") && !text.contains("node_modules"),
            "{path}"
        );
    }
}

/// Only with a console that was built: whatever its page names is there, compressed, and may be kept for ever.
#[tokio::test]
async fn what_the_page_names_is_there() {
    let gateway = TestGateway::start().await;
    let page = client().get(gateway.url("/app/")).send().await.unwrap().text().await.unwrap();
    let named: Vec<_> =
        page.split('"').filter(|text| text.starts_with("/app/assets/")).map(str::to_owned).collect();
    if named.is_empty() {
        assert!(page.contains("make web"), "{page}");
        eprintln!("skipped: the console is not built (make web)");
        return;
    }
    assert!(!page.contains("<script>") && !page.contains("<style") && !page.contains(" style="), "{page}");
    for path in named {
        let asked =
            client().get(gateway.url(&path)).header("accept-encoding", "gzip, br").send().await.unwrap();
        assert_eq!(asked.status(), 200, "{path}");
        assert_eq!(header(&asked, "cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(header(&asked, "content-encoding"), "br");
        assert_eq!(header(&asked, "vary"), "Accept-Encoding");
        let tag = header(&asked, "etag").to_owned();
        let again = client().get(gateway.url(&path)).header("if-none-match", tag).send().await.unwrap();
        assert_eq!(again.status(), 304, "{path}");
    }
}

/// OpenBao CVE-2026-33758, Argo CD CVE-2021-23347, Authelia CVE-2026-33525: what a link brought along ran as a script on
/// the page of a login. Here no answer repeats it in a form that a browser reads as a page, and no page may run it.
#[tokio::test]
async fn cve_2026_33758_what_a_link_brings_along_never_becomes_a_page() {
    let gateway =
        TestGateway::with([("RATE_LIMIT_PER_MINUTE", "1000000"), ("LOGIN_RATE_LIMIT_PER_MINUTE", "1000000")])
            .await;
    let payloads = payloads();
    assert!(payloads.len() >= 100, "only {}", payloads.len());
    for payload in &payloads {
        let encoded: String = form_urlencoded::byte_serialize(payload.as_bytes()).collect();
        let in_path = encoded.replace('+', "%20");
        for path in [
            format!("/app/login?returnTo={encoded}"),
            format!("/app/auth/error?code={encoded}&request_id={encoded}"),
            format!("/app/device?user_code={encoded}"),
            format!("/app/cli/confirm?request={encoded}"),
            format!("/app/{in_path}"),
            format!("/api/v1/auth/web/login?provider={encoded}&returnTo={encoded}"),
            format!("/api/v1/auth/web/callback?code={encoded}&state={encoded}&iss={encoded}"),
            format!("/api/v1/auth/web/callback?error={encoded}&error_description={encoded}&state={encoded}"),
            format!("/api/v1/auth/links/{in_path}"),
            format!("/api/v1/auth/cli/requests/{in_path}"),
            format!("/{in_path}"),
        ] {
            let answer = client().get(gateway.url(&path)).send().await.unwrap();
            let status = answer.status();
            assert!(status.as_u16() < 500, "{path}: {status}");
            let location = header_or(&answer, "location");
            assert!(location.is_empty() || location.starts_with("/app/"), "{path}: {location}");
            assert!(
                !location.contains(payload.as_str()) && !location.contains(&encoded),
                "{path}: {location}"
            );
            let (kind, policy) =
                (header_or(&answer, "content-type"), header_or(&answer, "content-security-policy"));
            assert!(!kind.contains("svg") && !kind.contains("xml"), "{path}: {kind}");
            let body = answer.text().await.unwrap();
            if kind.starts_with("text/html") {
                assert!(!body.contains(payload.as_str()), "{path} repeats it in a page");
                assert!(
                    policy.contains("default-src 'none'; script-src 'self';") && !policy.contains("unsafe-"),
                    "{path}: {policy}"
                );
            }
        }
    }
    gateway.stop().await;
}

fn header_or(response: &Response, name: &str) -> String {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

/// Scripts in every dress, each in several wrappings.
fn payloads() -> Vec<String> {
    let scripts = [
        "<script>alert(1)</script>",
        "<svg onload=alert(1)>",
        "<img src=x onerror=alert(1)>",
        "<iframe srcdoc='<script>alert(1)</script>'>",
        "<a href=javascript:alert(1)>x</a>",
        "<body onpageshow=alert(1)>",
        "<math><mtext><script>alert(1)</script>",
        "<base href=//evil.example>",
        "<meta http-equiv=refresh content=0;url=//evil.example>",
        "<object data=data:text/html,x>",
        "<style>@import'//evil.example'</style>",
        "javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "<scr\u{0}ipt>alert(1)</script>",
        "\u{ff1c}script\u{ff1e}alert(1)",
        "<!--<script>alert(1)</script>-->",
        "{{constructor.constructor('alert(1)')()}}",
    ];
    let wrappings = ["", "\"", "'>", "\\\"};", "\r\n\r\n", "</title>", "%3C"];
    let wrap = |script: &&str| wrappings.map(|before| format!("{before}{script}"));
    scripts.iter().flat_map(wrap).collect()
}
