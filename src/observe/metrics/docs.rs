//! Prints `docs/METRICS.md` from the catalogue.

use super::catalogue::{CATALOGUE, Family};
use std::fmt::Write as _;

/// The whole page. `UPDATE_DOCS=1 cargo test metrics::docs` writes it to `docs/METRICS.md`.
pub fn markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    for family in CATALOGUE {
        let _ = writeln!(page, "{}", table_row(family));
    }
    page.push_str(BUCKETS);
    for family in CATALOGUE.iter().filter(|family| !family.buckets.is_empty()) {
        let _ = writeln!(page, "| `{}` | {} |", family.name, bounds(family));
    }
    page
}

const INTRODUCTION: &str = "\
# Metrics

<!-- Printed from src/observe/metrics/catalogue.rs; `UPDATE_DOCS=1 cargo test metrics::docs` prints it again. -->

`GET /metrics` on the operations listener (`OPS_LISTEN`, by default `127.0.0.1:5001`) answers in the Prometheus text
format, or in OpenMetrics with exemplars while [traces](operations/traces.md) are on and the scraper can read it. These are
all families. One without labels is there from the start, so that a rate has a beginning; one with labels
appears with its first event.

The `route` label is never a path that a client made up. For requests to racks it is the template of the rack's own path
(`/apps/{app}/restart`), whichever rack it is, or `preflight`; for the gateway's own endpoints it is their path. What fits
neither is `unknown`, what the rate limit stopped `rate-limited`, and what ended in a panic `panic`.

The `nodejs_*` names are those of published dashboards and alerts. They carry honest equivalents of this process: the
allocator's heap, the delay of the runtime's scheduler, and a garbage collection that never happens.

| Name | Type | Labels | Meaning |
| --- | --- | --- | --- |
";

const BUCKETS: &str = "
## Buckets

Upper bounds besides `+Inf`, in seconds, or in bytes where the name ends so.

| Name | Bounds |
| --- | --- |
";

fn table_row(family: &Family) -> String {
    let labels: Vec<_> = family.labels.iter().map(|label| format!("`{label}`")).collect();
    let labels = if labels.is_empty() { "–".to_owned() } else { labels.join(", ") };
    format!("| `{}` | {} | {labels} | {} |", family.name, family.kind.as_str(), family.help)
}

fn bounds(family: &Family) -> String {
    family.buckets.iter().map(f64::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Env as _, ProcessEnv};
    use std::{fs, path::Path};

    #[test]
    fn the_page_in_docs_is_this_one() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/METRICS.md");
        if ProcessEnv.get("UPDATE_DOCS").is_some() {
            fs::write(&path, markdown()).unwrap();
        }
        let page = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            page == markdown(),
            "docs/METRICS.md is out of date; run UPDATE_DOCS=1 cargo test metrics::docs"
        );
    }

    #[test]
    fn a_row_names_all_that_a_query_needs() {
        let page = markdown();
        assert!(page.contains(
            "| `http_request_duration_seconds` | histogram | `method`, `route`, `status_code` | Duration of HTTP requests in seconds. |\n"
        ));
        assert!(page.contains(
            "| `http_request_duration_seconds` | 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10 |\n"
        ));
    }

    #[test]
    fn no_help_text_breaks_the_table() {
        assert!(CATALOGUE.iter().all(|family| !family.help.contains(['|', '\n'])));
    }
}
