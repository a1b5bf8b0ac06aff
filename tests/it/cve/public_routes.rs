//! What answers without a credential, and that nothing else does.

use super::{APPS, Patient, unlimited};
use rack_gateway::api;
use std::collections::BTreeSet;

const PUBLIC: [&str; 3] = ["/api/v1/health", "/api/v1/health/live", "/health"];

fn anonymous(request: &str, lines: &str) -> Vec<u8> {
    format!("{request} HTTP/1.1\r\nHost: gateway\r\n{lines}\r\n").into_bytes()
}

fn protected() -> Vec<String> {
    let own = api::routes().into_iter().filter(|route| !route.access.is_public());
    let own = own.map(|route| format!("{} {}", route.method, filled(route.path)));
    let racks = [
        APPS,
        "POST /api/v1/rack-proxy/apps/web/restart",
        "GET /api/v1/racks/demo/proxy/system",
        "GET /api/v1/rack-proxy",
        "GET /svc/web/x",
        "POST /svc/x",
    ];
    own.chain(racks.map(str::to_owned)).collect()
}

/// A path whose parameters name nothing.
fn filled(path: &str) -> String {
    let segments = path.split('/').map(|segment| if segment.starts_with('{') { "x" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

/// Probes of load balancers and clouds, real and invented.
fn user_agents() -> Vec<String> {
    let names = [
        "GoogleHC",
        "kube-probe",
        "ELB-HealthChecker",
        "Amazon-Route53-Health-Check-Service",
        "GoogleStackdriverMonitoring-UptimeChecks",
        "Azure Traffic Manager Endpoint Monitor",
        "Consul Health Check",
        "HAProxy",
        "nginx-health",
        "Envoy/HC",
        "Prometheus",
        "Pingdom.com_bot",
        "UptimeRobot",
        "Datadog/Synthetics",
        "curl",
        "Wget",
        "Go-http-client",
        "convox.go",
        "internal",
        "healthcheck",
    ];
    let agents = |name: &&str| (0..10).map(|version| format!("{name}/{version}.0")).collect::<Vec<_>>();
    names.iter().flat_map(agents).collect()
}

/// CVE-2026-34457: whoever called himself a health check went in.
#[tokio::test]
async fn cve_2026_34457_no_user_agent_is_let_in() {
    let gateway = unlimited().await;
    let mut connection = Patient::to(&gateway);
    let agents = user_agents();
    assert_eq!(agents.len(), 200);
    for agent in &agents {
        for request in [APPS, "GET /api/v1/me", "GET /api/v1/audit-logs"] {
            let answer = connection.ask(&anonymous(request, &format!("User-Agent: {agent}\r\n"))).await;
            assert_eq!(answer.status, 401, "{request} as {agent}");
        }
    }
    for request in protected() {
        let answer = connection.ask(&anonymous(&request, "User-Agent: GoogleHC/1.0\r\n")).await;
        assert_eq!(answer.status, 401, "{request}");
        assert!(answer.header("www-authenticate").is_some(), "{request}");
    }
    assert_eq!(gateway.rack.requests(), []);
}

#[tokio::test]
async fn cve_2026_34457_the_public_routes_are_three_and_end_there() {
    let gateway = unlimited().await;
    let mut connection = Patient::to(&gateway);
    for path in PUBLIC {
        let answer = connection.ask(&anonymous(&format!("GET {path}"), "")).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.text().starts_with(r#"{"status":"ok""#), "{path}: {}", answer.text());
        let posted = connection.ask(&anonymous(&format!("POST {path}"), "Content-Length: 0\r\n")).await;
        assert_eq!(posted.status, 405, "{path}");
        for tail in ["/", "/x", "z", ";x", "%2f", "%00", ".json", "/../me", "/%2e%2e/me", "//", "%20"] {
            let answer = connection.ask(&anonymous(&format!("GET {path}{tail}"), "")).await;
            assert!((400..500).contains(&answer.status), "{path}{tail}: {answer:?}");
        }
    }
    for path in [
        "/API/V1/HEALTH",
        "/api/v1//health",
        "//health",
        "/api/v1/%68ealth",
        "/metrics",
        "/livez",
        "/readyz",
        "/debug",
        "/check",
    ] {
        let answer = connection.ask(&anonymous(&format!("GET {path}"), "")).await;
        assert!(matches!(answer.status, 401 | 404), "{path}: {answer:?}");
    }
}

/// CVE-2025-54576: the rule that lets the health check through was matched against the query, too.
#[tokio::test]
async fn cve_2025_54576_nothing_behind_a_path_opens_it() {
    let gateway = unlimited().await;
    let mut connection = Patient::to(&gateway);
    for request in protected() {
        for public in PUBLIC {
            for tail in [
                format!("?{public}"),
                format!("?x={public}"),
                format!("?{public}=1&a=b"),
                format!("?next={}", public.replace('/', "%2F")),
            ] {
                let answer = connection.ask(&anonymous(&format!("{request}{tail}"), "")).await;
                assert_eq!(answer.status, 401, "{request}{tail}");
            }
            for tail in [
                format!(";{public}"),
                format!("&{public}"),
                format!("/..{public}"),
                format!("%3f{public}"),
                format!("/.{public}"),
                format!("%23{public}"),
            ] {
                let answer = connection.ask(&anonymous(&format!("{request}{tail}"), "")).await;
                assert!(matches!(answer.status, 400 | 401 | 404), "{request}{tail}: {answer:?}");
            }
        }
    }
    assert_eq!(gateway.rack.requests(), []);
}

/// CVE-2026-48794: a rule for one method is no rule for another.
#[tokio::test]
async fn cve_2026_48794_other_methods_find_no_way_in() {
    let gateway = unlimited().await;
    let viewer = gateway.token("viewer").await;
    let paths: BTreeSet<_> = api::routes().into_iter().map(|route| route.path).collect();
    for method in ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "PROPFIND", "get", "LIST"] {
        let answer = gateway.call(&viewer, &format!("{method} /apps")).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{method} is none of the route's methods");
        for path in &paths {
            let is_there = |method: &str| {
                api::routes().iter().any(|route| route.path == *path && route.method == method)
            };
            let found = is_there(method) || (method == "HEAD" && is_there("GET"));
            let answer = gateway.own(&viewer, &format!("{method} {}", filled(path))).send().await.unwrap();
            assert_eq!(answer.status() == 405, !found, "{method} {path}: {}", answer.status());
        }
    }
    let log = gateway.own(&viewer, "HEAD /api/v1/audit-logs").send().await.unwrap();
    assert_eq!(log.status(), 403, "HEAD asks for the permission of GET");
    assert_eq!(gateway.rack.requests(), []);
}
