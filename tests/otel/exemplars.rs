//! `/metrics` names traced requests, to scrapers that can read it.

use crate::{PARENT, TRACE, collector::Collector, id_of, traced};
use std::collections::BTreeMap;

const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                          application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,\
                          text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

#[tokio::test]
async fn buckets_name_the_last_traced_request() {
    let collector = Collector::start().await;
    let gateway = traced(&collector, &[]).await;
    let token = gateway.token("viewer").await;
    let call = gateway.call(&token, "GET /apps/web/services").header("traceparent", PARENT);
    let answer = call.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let id = id_of(&answer);

    let page = async |accept: &str| {
        let asked = reqwest::Client::new().get(gateway.ops_url("/metrics")).header("accept", accept);
        let answer = asked.send().await.unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (kind, answer.text().await.unwrap())
    };
    let (kind, text) = page(PROMETHEUS).await;
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let wanted = format!("# {{request_id=\"{id}\",trace_id=\"{TRACE}\"}} 0.");
    let line = text.lines().find(|line| line.contains(&wanted)).unwrap_or_else(|| panic!("{wanted}: {text}"));
    assert!(
        line.starts_with(
            "http_request_duration_seconds_bucket{method=\"GET\",route=\"/apps/{app}/services\""
        )
    );
    assert_open(&text);

    for accept in ["*/*", "text/plain;version=0.0.4"] {
        let (kind, text) = page(accept).await;
        assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
        assert!(!text.contains("trace_id=") && !text.contains("# EOF"));
    }
}

/// What a strict reader of OpenMetrics looks for.
fn assert_open(text: &str) {
    assert!(text.ends_with("\n# EOF\n") && text.matches("# EOF").count() == 1);
    let mut kinds = BTreeMap::new();
    let mut open = String::new();
    for line in text.lines().filter(|line| *line != "# EOF") {
        assert!(!line.is_empty());
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (family, kind) = rest.split_once(' ').unwrap();
            assert!(kinds.insert(family.to_owned(), kind.to_owned()).is_none(), "second TYPE of {family}");
            assert!(kind != "counter" || !family.ends_with("_total"), "{line}");
            open = family.to_owned();
        } else if !line.starts_with("# HELP ") {
            let name = &line[..line.find(['{', ' ']).unwrap()];
            let suffix = name.strip_prefix(&open).unwrap_or_else(|| panic!("{line} below {open}"));
            let allowed: &[&str] = match kinds[&open].as_str() {
                "counter" => &["_total"],
                "histogram" => &["_bucket", "_sum", "_count"],
                "summary" => &["", "_sum", "_count"],
                _ => &[""],
            };
            assert!(allowed.contains(&suffix), "{line}");
            let exemplar = line.split_once(" # ");
            assert!(exemplar.is_none() || suffix == "_bucket", "{line}");
        }
    }
}
