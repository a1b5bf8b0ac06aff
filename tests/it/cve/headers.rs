//! Headers that speak for somebody else.

use super::{APPS, Patient, header_values, rack_records, raw, unlimited};
use crate::support::gateway::TestGateway;
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The rack's last request must carry each header that the gateway writes once, with the gateway's value.
fn assert_ours(gateway: &TestGateway, email: &str, request_id: &str, attack: &str) {
    let seen = gateway.rack.requests().pop().unwrap();
    let credential = format!("Basic {}", STANDARD.encode("convox:rack-password"));
    let host = gateway.rack.address().to_string();
    for (name, expected) in [
        ("convox-actor", email),
        ("x-request-id", request_id),
        ("authorization", credential.as_str()),
        ("host", host.as_str()),
    ] {
        assert_eq!(header_values(&seen, name), [expected], "{name} under {attack}");
    }
    for name in [
        "x-convox-actor",
        "convox-tid",
        "x-convox-tid",
        "x-user-email",
        "x-host",
        "x-port",
        "rack",
        "session",
    ] {
        assert_eq!(header_values(&seen, name), [""; 0], "{name} under {attack}");
    }
}

async fn email_of(gateway: &TestGateway, token: &str) -> String {
    let me: serde_json::Value =
        gateway.own(token, "GET /api/v1/me").send().await.unwrap().json().await.unwrap();
    me["email"].as_str().unwrap().to_owned()
}

/// CVE-2025-64484 and CVE-2026-54763: another spelling of a header that names the user.
#[tokio::test]
async fn cve_2025_64484_no_alias_of_an_identity_header_reaches_the_rack() {
    let gateway = unlimited().await;
    let viewer = gateway.token("viewer").await;
    let email = email_of(&gateway, &viewer).await;
    let mut connection = Patient::to(&gateway);
    let names = [
        "Convox-Actor",
        "X-Convox-Actor",
        "X-Request-Id",
        "Convox-TID",
        "X-Convox-TID",
        "X-User-Email",
        "X-Host",
        "X-Port",
        "Rack",
        "Session",
    ];
    for name in names {
        let (lower, upper) = (name.to_ascii_lowercase(), name.to_ascii_uppercase());
        for lines in [
            format!("{name}: root@example.com\r\n"),
            format!("{lower}: root@example.com\r\n"),
            format!("{upper}: root@example.com\r\n"),
            format!("{name}: a\r\n{lower}: b\r\n{upper}: c\r\n"),
            format!("{name}:\r\n"),
            format!("{name}: \t \r\n"),
            format!("{name}: root@example.com, {email}\r\n"),
            format!("{name}: caf\u{e9}\r\n"),
        ] {
            let answer = connection.ask(&raw(APPS, &viewer, &lines)).await;
            assert_eq!(answer.status, 200, "{lines}");
            assert_ours(&gateway, &email, answer.header("x-request-id").unwrap(), &lines);
        }
        let seen_before = gateway.rack.requests().len();
        let mut refused = vec![
            format!("{name} : root\r\n"),
            format!("{name}\t: root\r\n"),
            format!("X-A: b\r\n {name}: root\r\n"),
        ];
        if name.contains('-') {
            refused.push(format!("{}: root\r\n", name.replace('-', "_")));
            refused.push(format!("{}: root\r\n", lower.replacen('-', "_", 1)));
        }
        for lines in refused {
            assert_eq!(connection.ask(&raw(APPS, &viewer, &lines)).await.status, 400, "{lines}");
        }
        assert_eq!(gateway.rack.requests().len(), seen_before);
    }
}

/// CVE-2026-54763: one gateway reads the first of two credentials, the next one the last.
#[tokio::test]
async fn cve_2026_54763_of_two_credentials_neither_counts() {
    let gateway = unlimited().await;
    let (viewer, admin) = (gateway.token("viewer").await, gateway.token("admin").await);
    let mut connection = Patient::to(&gateway);
    for name in ["Authorization", "authorization", "AUTHORIZATION"] {
        for second in [
            format!("{name}: Bearer {admin}\r\n"),
            format!("{name}: Bearer {viewer}\r\n"),
            format!("{name}:\r\n"),
        ] {
            assert_eq!(connection.ask(&raw(APPS, &viewer, &second)).await.status, 401, "{second}");
        }
    }
    assert_eq!(gateway.rack.requests(), []);
}

const FORWARDED: [&str; 18] = [
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Uri",
    "X-Forwarded-Method",
    "X-Forwarded-Path",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Access-Token",
    "Forwarded",
    "X-Real-IP",
    "X-Original-URL",
    "X-Original-Method",
    "X-Rewrite-URL",
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
];

const CLAIMS: [&str; 6] = [
    "10.0.0.1",
    "https",
    "/api/v1/health",
    "GET",
    "for=10.0.0.1;proto=https;host=evil.example",
    "root@example.com, 127.0.0.1",
];

/// CVE-2026-40575, CVE-2026-33495 and CVE-2026-35051: any client may write these, so they decide nothing.
#[tokio::test]
async fn cve_2026_40575_forwarded_headers_of_a_stranger_change_nothing() {
    let gateway = unlimited().await;
    let viewer = gateway.token("viewer").await;
    let mut connection = Patient::to(&gateway);
    let mut asked = 0;
    for claim in CLAIMS {
        let each = FORWARDED.map(|name| format!("{name}: {claim}\r\n"));
        for lines in each.iter().cloned().chain([each.concat()]) {
            let listed = connection.ask(&raw(APPS, &viewer, &lines)).await;
            assert_eq!(listed.status, 200, "{lines}");
            assert_eq!(listed.header("strict-transport-security"), None, "{lines}");
            let refused = connection.ask(&raw("DELETE /api/v1/rack-proxy/apps/web", &viewer, &lines)).await;
            assert_eq!(refused.status, 403, "{lines}");
            asked += 2;
        }
    }
    let records = rack_records(&gateway, asked).await;
    assert_eq!(records.len(), asked);
    for record in records {
        assert_eq!(record["ip_address"], "127.0.0.1", "{record}");
        let expected = if record["method"] == "GET" { ("allow", "/apps") } else { ("deny", "/apps/{app}") };
        assert_eq!((record["rbac_decision"].as_str().unwrap(), record["route"].as_str().unwrap()), expected);
    }
    for seen in gateway.rack.requests() {
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", "/apps"));
        for name in FORWARDED {
            assert_eq!(header_values(&seen, name), [""; 0], "{name}");
        }
    }
}

#[tokio::test]
async fn cve_2026_40575_a_trusted_proxy_vouches_for_one_hop_only() {
    let gateway = TestGateway::with([("TRUSTED_PROXY_CIDRS", "127.0.0.0/8")]).await;
    let viewer = gateway.token("viewer").await;
    let mut connection = Patient::to(&gateway);
    for (number, (lines, ip)) in [
        ("X-Forwarded-For: 203.0.113.7\r\n", "203.0.113.7"),
        ("X-Forwarded-For: 10.0.0.1, 203.0.113.7\r\n", "203.0.113.7"),
        ("X-Forwarded-For: 10.0.0.1, 203.0.113.7, 127.0.0.5\r\n", "203.0.113.7"),
        ("X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 203.0.113.7\r\n", "203.0.113.7"),
        ("X-Forwarded-For: 10.0.0.1, unknown\r\n", "127.0.0.1"),
        ("X-Real-IP: 10.0.0.1\r\nForwarded: for=10.0.0.1\r\n", "127.0.0.1"),
    ]
    .into_iter()
    .enumerate()
    {
        let agent = format!("probe/{number}");
        connection.ask(&raw(APPS, &viewer, &format!("User-Agent: {agent}\r\n{lines}"))).await;
        let record = gateway.lines.wait_for(|record| record["user_agent"] == agent.as_str()).await;
        assert_eq!(record["ip_address"], ip, "{lines}");
    }
    let secure = connection.ask(&raw(APPS, &viewer, "X-Forwarded-Proto: https\r\n")).await;
    assert_eq!(secure.header("strict-transport-security"), Some("max-age=31536000"));
}

/// CVE-2024-45410 and CVE-2026-29054: `Connection` removes the header by which the upstream knows the user.
#[tokio::test]
async fn cve_2024_45410_connection_removes_none_of_our_headers() {
    let gateway = unlimited().await;
    let admin = gateway.token("admin").await;
    let email = email_of(&gateway, &admin).await;
    let mut connection = Patient::to(&gateway);
    for name in [
        "Convox-Actor",
        "X-Request-Id",
        "Authorization",
        "Host",
        "Content-Length",
        "Content-Type",
        "Connection",
        "User-Agent",
    ] {
        let (lower, upper) = (name.to_ascii_lowercase(), name.to_ascii_uppercase());
        for value in [
            name.to_owned(),
            lower.clone(),
            upper,
            format!("keep-alive, {name}"),
            format!("{lower} , x-y"),
            format!("\t{lower},"),
        ] {
            for lines in [
                format!("Connection: {value}\r\n"),
                format!("Connection: keep-alive\r\nconnection: {value}\r\n"),
            ] {
                let lines = format!(
                    "{lines}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n"
                );
                let form =
                    [&raw("PUT /api/v1/rack-proxy/apps/web", &admin, &lines)[..], b"lock=false"].concat();
                let answer = connection.ask(&form).await;
                assert_eq!(answer.status, 200, "{lines}");
                assert_ours(&gateway, &email, answer.header("x-request-id").unwrap(), &lines);
                let seen = gateway.rack.requests().pop().unwrap();
                assert_eq!(
                    header_values(&seen, "content-type"),
                    ["application/x-www-form-urlencoded"],
                    "{lines}"
                );
                assert_eq!(
                    (header_values(&seen, "content-length"), seen.body_length),
                    (vec!["10"], 10),
                    "{lines}"
                );
            }
        }
    }
}
