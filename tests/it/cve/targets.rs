//! Paths that one server reads in one way and the next in another.

use super::{Patient, rack_records, raw, unlimited};
use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use rack_gateway::gateway::classify::convox::routes;
use std::collections::HashMap;

const PREFIX: &str = "/api/v1/rack-proxy";

/// CVE-2026-41059, CVE-2023-47106 and CVE-2021-32779: what follows `#` was matched by one and dropped by another.
#[tokio::test]
async fn cve_2021_32779_a_fragment_is_refused() {
    let gateway = unlimited().await;
    let admin = gateway.token("admin").await;
    let mut connection = Patient::to(&gateway);
    for target in [
        "/apps#/public",
        "/apps#",
        "/apps?a=b#c",
        "/apps/web#/../../auth",
        "/#",
        "/system#?x=1",
        "/apps/we#b/releases",
    ] {
        let answer = connection.ask(&raw(&format!("GET {PREFIX}{target}"), &admin, "")).await;
        assert_eq!(answer.status, 400, "{target}");
        assert!(answer.text().contains('#'), "{target}: {}", answer.text());
    }
    for target in ["/api/v1/health#/api/v1/rack-proxy/apps", "/api/v1/me#/api/v1/health"] {
        assert_eq!(connection.ask(&raw(&format!("GET {target}"), &admin, "")).await.status, 400, "{target}");
    }
    assert_eq!(gateway.rack.requests(), []);
}

/// CVE-2026-33494, CVE-2026-3605 and CVE-2025-66490 (dot segments), CVE-2021-29492, CVE-2025-47952 and CVE-2026-40912
/// (encoded separators).
const TRICKS: &[&str] = &[
    "/apps/../system",
    "/apps/./web",
    "/apps/web/..",
    "/apps/web/../../system",
    "/apps/web/.",
    "/..",
    "/.",
    "/../../../api/v1/me",
    "/apps/%2e%2e/system",
    "/apps/%2E%2E/system",
    "/apps/.%2e/system",
    "/apps/%2e./system",
    "/apps/%2e/web",
    "/apps/web/%2e%2e",
    "/apps/..%2fsystem",
    "/apps/..%5csystem",
    "/apps/..\\system",
    "/apps\\web",
    "\\apps",
    "/apps/..;/system",
    "/apps/web/..;/..;/system",
    "/apps/web/releases;v=1",
    "/apps/web%2freleases",
    "/apps/web%2Freleases%2FR000000003",
    "/apps/web%2freleases/R000000003",
    "/apps%2fweb",
    "/%2fapps",
    "/apps/web%5creleases",
    "/apps/web%5Creleases",
    "/apps/web%252freleases",
    "/apps/web%25252freleases",
    "/apps/%252e%252e/system",
    "/apps/web%c0%afreleases",
    "/apps/web%e0%80%afreleases",
    "/apps/web%f0%80%80%afreleases",
    "/apps/%c0%ae%c0%ae/system",
    "/apps/%e0%80%ae%e0%80%ae/system",
    "/apps/%ff",
    "/apps/%ed%a0%80",
    "/apps/%c1%9c",
    "/apps/web%00",
    "/apps/web%00/releases",
    "/apps/%00",
    "/apps%00",
    "/apps/web%0a",
    "/apps/web%0d%0aX-Evil:%201",
    "/apps/web%09/releases%0b",
    "/apps/web%7f",
    "/apps/web%c2%85",
    "/apps/web%3freleases",
    "/apps/web%3Fa=b",
    "/apps/web%23releases",
    "/apps/web%25",
    "/apps/%",
    "/apps/%4",
    "/apps/%zz",
    "/apps/%u002e%u002e/system",
    "/apps/%%32%66",
    "/apps/%2%66",
    "//apps",
    "///apps",
    "/apps//web",
    "/apps/web//releases",
    "//apps/web/releases",
    "/apps/",
    "/apps/web/",
    "/system/",
    "/./apps",
    "/Apps",
    "/APPS",
    "/apps.json",
    "/apps%20",
    "/%20apps",
    "/apps?x=%",
    "/apps?x=%c0%af",
    "/apps?x=%00",
    "/apps?\\",
    "@evil.example/apps",
    ":80/apps",
    "http://evil.example/apps",
];

#[tokio::test]
async fn cve_2021_29492_path_tricks_lead_nowhere() {
    assert!(TRICKS.len() > 60);
    let gateway = unlimited().await;
    let admin = gateway.token("admin").await;
    let mut connection = Patient::to(&gateway);
    for trick in TRICKS {
        for prefix in [PREFIX, "/api/v1/racks/demo/proxy"] {
            let answer = connection.ask(&raw(&format!("GET {prefix}{trick}"), &admin, "")).await;
            assert!(matches!(answer.status, 400 | 404), "{prefix}{trick}: {answer:?}");
        }
    }
    for overlong in [&b"/apps/\xc0\xae\xc0\xae/system"[..], b"/apps/\xff", b"/apps/web\xe0\x80\xafreleases"] {
        let request = [b"GET ", PREFIX.as_bytes(), overlong, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        let answer = connection.ask(&request).await;
        assert!(matches!(answer.status, 400 | 404), "{}: {answer:?}", overlong.escape_ascii());
    }
    for prefix in [
        "/api/v1/rack-proxy%2f",
        "/api/v1/rack-proxy/../rack-proxy",
        "/api/v1//rack-proxy",
        "/api/v1/racks/../racks/demo/proxy",
        "/api/v1/racks/demo%2fproxy",
    ] {
        let answer = connection.ask(&raw(&format!("GET {prefix}/apps"), &admin, "")).await;
        assert!(matches!(answer.status, 400 | 404), "{prefix}: {answer:?}");
    }
    assert_eq!(gateway.rack.requests(), []);
}

/// Parts of the rack's own paths, and what has fooled gateways, glued in every order.
fn any_target() -> impl Strategy<Value = String> {
    let templates: Vec<&str> =
        routes().filter(|route| route.verb.as_str() == "GET").map(|route| route.template).collect();
    let filled = prop::sample::select(templates).prop_map(|template| {
        let path = template.replace("{app}", "web").replace("{key:*}", "a/b").replace("{path:*}", "x");
        path.replace(['{', '}'], "")
    });
    let spoil = prop::sample::select(vec![
        "/",
        "//",
        "/.",
        "/..",
        ".",
        "..",
        "%2e",
        "%2E%2e",
        "%2f",
        "%2F",
        "%5c",
        "\\",
        "%252f",
        "%00",
        "%0a",
        "%3f",
        "%23",
        "%25",
        "%c0%af",
        "%",
        "%4",
        "#",
        ";",
        ";a=b",
        "%3b",
        ":",
        "@",
        "%20",
        "+",
        "*",
        "~",
        "=",
        "&",
        "?",
        "?limit=1",
        "%41",
        "%61",
        "%c3%a9",
        "\u{e9}",
        "\u{2028}",
        "%f0%9f%98%80",
        "{x}",
        "|",
        "\"",
        "<",
        "^",
        "`",
        "...",
        "tgz",
        ".tgz",
        "/releases",
        "/web",
        "/apps",
        "x",
    ]);
    let spoiled =
        (filled.clone(), prop::collection::vec((spoil.clone(), any::<prop::sample::Index>()), 1..3))
            .prop_map(|(mut path, spoils)| {
                for (text, at) in spoils {
                    let places: Vec<usize> =
                        path.char_indices().map(|(place, _)| place).skip(1).chain([path.len()]).collect();
                    path.insert_str(places[at.index(places.len())], text);
                }
                path
            });
    let escaped = (filled.clone(), any::<prop::sample::Index>()).prop_map(|(path, at)| {
        let at = 1 + at.index(path.len() - 1);
        format!("{}%{:02x}{}", &path[..at], path.as_bytes()[at], &path[at + 1..])
    });
    let glued = prop::collection::vec(spoil, 0..8).prop_map(|parts| format!("/{}", parts.concat()));
    prop_oneof![2 => filled, 5 => spoiled, 3 => escaped, 1 => glued]
}

/// What a rack does with a path: `%XX` decoded wherever it stands, then cut at `/`.
fn as_a_rack_reads(target: &str) -> String {
    let path = target.split('?').next().unwrap();
    percent_encoding::percent_decode_str(path).decode_utf8().unwrap().into_owned()
}

/// The template that a rack's router finds for a decoded path: `{x}` is one segment, `{x:*}` the rest.
fn routed(path: &str) -> Option<&'static str> {
    fn fits(template: &str, path: &str) -> bool {
        let Some((literal, rest)) = template.split_once('{') else { return template == path };
        let Some(after) = path.strip_prefix(literal) else { return false };
        let (name, rest) = rest.split_once('}').unwrap();
        let segment_ends = after.find('/').unwrap_or(after.len());
        let ends = (1..=segment_ends).filter(|end| after.is_char_boundary(*end));
        name.ends_with(":*") || ends.into_iter().any(|end| fits(rest, &after[end..]))
    }
    let gets = routes().filter(|route| route.verb.as_str() == "GET");
    // A GET that asks for no upgrade finds no socket.
    gets.filter(|route| !matches!(route.reply, rack_gateway::gateway::classify::convox::Reply::Socket(_)))
        .map(|route| route.template)
        .find(|template| fits(template, path))
}

/// CVE-2026-33494 and CVE-2025-66490 once more, with thousands of targets that nobody thought of: what the rack reads
/// is what was recorded as allowed, or the rack is not asked at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cve_2026_33494_what_is_authorised_is_what_the_rack_reads() {
    const TARGETS: usize = 12_000;
    let gateway = unlimited().await;
    let admin = gateway.token("admin").await;
    let mut runner = TestRunner::default();
    let strategy = any_target();
    let targets: Vec<String> =
        (0..TARGETS).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect();

    let workers = targets.chunks(TARGETS / 8).map(|targets| {
        let (gateway, admin) = (&gateway, &admin);
        async move {
            let mut connection = Patient::to(gateway);
            let mut answers = Vec::new();
            for target in targets {
                let answer = connection.ask(&raw(&format!("GET {PREFIX}{target}"), admin, "")).await;
                answers.push((
                    target,
                    answer.status,
                    answer.header("x-request-id").unwrap_or_default().to_owned(),
                ));
            }
            answers
        }
    });
    let answers: Vec<_> = futures_util::future::join_all(workers).await.concat();

    let seen: HashMap<String, String> = gateway
        .rack
        .requests()
        .into_iter()
        .map(|request| (request.header("x-request-id").unwrap().to_owned(), request.target))
        .collect();
    let recorded = answers.iter().filter(|(_, _, id)| !id.is_empty()).count();
    let preflights =
        answers.iter().filter(|(target, ..)| ["/machines", "/racks"].contains(&target.as_str())).count();
    let records: HashMap<String, serde_json::Value> = rack_records(&gateway, recorded - preflights)
        .await
        .into_iter()
        .map(|record| (record["request_id"].as_str().unwrap().to_owned(), record))
        .collect();

    for (sent, status, id) in &answers {
        let Some(read) = seen.get(id) else {
            assert!((400..500).contains(status), "{sent}: {status}, though the rack was not asked");
            continue;
        };
        let record = &records[id];
        let path = as_a_rack_reads(read);
        assert_eq!(path, as_a_rack_reads(sent), "another path was sent on than came in");
        assert_eq!(record["rbac_decision"], "allow", "{sent}");
        assert_eq!(record["route"].as_str(), routed(&path), "{sent} was sent as {read}");
        let app = path.strip_prefix("/apps/").map(|rest| rest.split('/').next().unwrap());
        let target = app.map_or_else(|| "demo".to_owned(), |app| format!("demo/{app}"));
        assert_eq!(record["target"], target.as_str(), "{sent}");
    }
    let forwarded = answers.iter().filter(|(_, _, id)| seen.contains_key(id)).count();
    assert!(
        forwarded > TARGETS / 5 && forwarded < TARGETS * 4 / 5,
        "{forwarded} were forwarded: the mix is off"
    );
}
