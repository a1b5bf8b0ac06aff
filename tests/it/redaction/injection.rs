//! Text of an attacker's choice stays data: one record is one line, and one line is one JSON object.

use crate::support::{
    gateway::TestGateway,
    wire::{SOON, Wire, basic},
};
use serde_json::Value;
use tokio::time::timeout;

const KEYS: [&str; 13] = [
    "ts",
    "user_email",
    "action_type",
    "action",
    "resource",
    "resource_type",
    "status",
    "rbac_decision",
    "http_status",
    "latency_ms",
    "ip_address",
    "user_agent",
    "event_count",
];

/// Each line is one object, with the agreed keys first, and nothing that acts on the reader's terminal.
fn assert_harmless(text: &str) -> Vec<Value> {
    let records: Vec<Value> = text
        .split_terminator('\n')
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for record in &records {
        let keys: Vec<_> = record.as_object().unwrap().keys().take(KEYS.len()).collect();
        assert_eq!(keys, KEYS);
        assert_eq!(record["event_count"], 1);
    }
    let acting = text.chars().find(|c| {
        *c != '\n'
            && (c.is_control()
                || matches!(*c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}'))
    });
    assert_eq!(acting, None, "a character that acts on the reader");
    records
}

async fn send(gateway: &TestGateway, head: &[u8]) -> Option<u16> {
    let mut wire = Wire::open(gateway.address()).await;
    wire.send([head, b"\r\n"].concat()).await;
    timeout(SOON, wire.try_head()).await.unwrap().map(|head| head.status())
}

/// RUSTSEC-2025-0055: text of a client ended a line of the log, or steered the terminal of its reader.
#[tokio::test]
async fn hostile_text_stays_inside_its_line() {
    const FORGED: &str =
        "{\"ts\":\"2026-01-01T00:00:00Z\",\"user_email\":\"forged@example.com\",\"status\":\"success\"}";
    let gateway = TestGateway::start().await;
    let token = gateway.token("ops").await;
    let authorization = basic(&token);
    let agents: Vec<Vec<u8>> = vec![
        format!("agent \"}}\t{FORGED}").into_bytes(),
        "\u{202e}txet desrever\u{2066} \u{2028}{}".as_bytes().to_vec(),
        b"\xff\xfe\xc3\x28 \x80\x81".to_vec(),
        b"\xc2\x9b31mred".to_vec(),
        vec![b'a'; 64 * 1024],
        "日".repeat(10_000).into_bytes(),
        b"=cmd|' /C calc'!A1".to_vec(),
        b"\\u000a\\n%0a%0d".to_vec(),
        Vec::new(),
    ];
    for agent in &agents {
        for path in ["/apps", "/no/such/route", "/apps/web/processes"] {
            let head = [
                format!(
                    "GET /api/v1/rack-proxy{path} HTTP/1.1\r\nHost: gateway\r\n{authorization}User-Agent: "
                )
                .as_bytes(),
                agent,
                b"\r\n",
            ]
            .concat();
            assert!(send(&gateway, &head).await.is_some());
        }
    }
    // These end the head or are no HTTP; what is refused at the socket needs no record.
    for agent in [&b"a\n{\"ts\":1}"[..], b"a\r\n{\"ts\":1}", b"\x1b[2J", b"nul\0", b"\x7f"] {
        let start =
            format!("GET /api/v1/rack-proxy/apps HTTP/1.1\r\nHost: gateway\r\n{authorization}User-Agent: ");
        send(&gateway, &[start.as_bytes(), agent, b"\r\n"].concat()).await;
    }
    let names = [
        "%0a%7b%22status%22%3a%22success%22%7d",
        "%0d%0a",
        "%1b%5b2J",
        "%e2%80%aeevil",
        "%e2%80%a8",
        "%c2%9b31m",
        "%ff%fe",
        "%00",
        "=cmd()",
        "%22%2c%22status%22%3a%22x",
        &"a".repeat(7_000),
        "日本",
    ];
    for name in names {
        for line in [
            format!("GET /api/v1/rack-proxy/apps/{name}"),
            format!("POST /api/v1/rack-proxy/apps/web/processes/{name}/exec"),
            format!("GET /api/v1/racks/{name}/apps"),
            format!("GET /api/v1/rack-proxy/apps?{name}=1"),
            format!("DELETE /api/v1/rack-proxy/apps/web/processes/{name}"),
        ] {
            send(&gateway, format!("{line} HTTP/1.1\r\nHost: gateway\r\n{authorization}").as_bytes()).await;
        }
    }
    for command in
        [&b"echo \xff\xfe\x80"[..], "echo \u{202e}\u{9b}2J".as_bytes(), "日".repeat(9_000).as_bytes()]
    {
        let path = "/api/v1/rack-proxy/apps/web/services/web/processes";
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: gateway\r\n{authorization}Content-Length: 0\r\nCommand: ");
        send(&gateway, &[head.as_bytes(), command, b"\r\n"].concat()).await;
    }

    gateway.lines.wait_for(|record| record["action"] == "process.start").await;
    let lines = gateway.lines.clone();
    assert!(gateway.stop().await.recorded);
    let records = assert_harmless(&lines.text());
    assert!(records.len() > 50, "{}", records.len());
    assert!(records.iter().all(|record| record["user_email"] != "forged@example.com"));
    let agent = |record: &Value| record["user_agent"].as_str().unwrap().to_owned();
    assert!(records.iter().any(|record| agent(record).contains(FORGED)), "the text itself is kept, as data");
    assert!(records.iter().all(|record| agent(record).chars().count() <= 512));
    assert!(records.iter().all(|record| record["resource"].as_str().unwrap().chars().count() <= 255));
    assert!(
        records
            .iter()
            .all(|record| record["command"].as_str().is_none_or(|text| text.chars().count() <= 2_000))
    );
}
