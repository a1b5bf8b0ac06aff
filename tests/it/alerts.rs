//! The alerts speak of metrics that exist, and each has a page whose commands exist. What the rules compute is
//! tested by `alerts/check`.

use rack_gateway::observe::metrics::catalogue;
use std::{collections::BTreeSet, fs, path::Path, process::Command};

const RULES: [&str; 2] = ["alerts/rack-gateway.rules.yml", "alerts/rack-gateway-slo.rules.yml"];
const SECTIONS: [&str; 6] = ["Meaning", "Impact", "First three commands", "Causes", "Mend", "Escalation"];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn values(text: &str, key: &str) -> Vec<String> {
    let after =
        |line: &str| line.trim_start_matches([' ', '-']).strip_prefix(key).map(|rest| rest.trim().to_owned());
    text.lines().filter_map(after).collect()
}

fn alerts() -> BTreeSet<String> {
    RULES.iter().flat_map(|file| values(&read(file), "alert:")).collect()
}

/// The expressions of a rule file; each stands on the line after `expr: >-`.
fn expressions(file: &str) -> Vec<String> {
    let text = read(file);
    let lines: Vec<_> = text.lines().collect();
    lines
        .windows(2)
        .filter(|pair| pair[0].trim() == "expr: >-")
        .map(|pair| pair[1].trim().to_owned())
        .collect()
}

fn dashboards() -> Vec<serde_json::Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts/dashboards");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()).collect()
}

fn panels(dashboard: &serde_json::Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

/// The family that a series of the exposition belongs to.
fn family(series: &str) -> Option<&'static catalogue::Family> {
    ["", "_bucket", "_count", "_sum"]
        .iter()
        .filter_map(|suffix| series.strip_suffix(suffix))
        .find_map(catalogue::find)
}

/// `name{label="…",…}` and bare names, as far as the rules use them.
fn selectors(expression: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_' || character == ':';
    let mut rest = expression;
    while let Some(open) = rest.find('{') {
        let name = rest[..open].rsplit(|character| !is_name(character)).next().unwrap_or_default();
        let close = open + rest[open..].find('}').unwrap();
        let inside = &rest[open + 1..close];
        let labels = inside.split(',').filter_map(|matcher| matcher.split(['=', '!']).next());
        found.push((name.to_owned(), labels.map(|label| label.trim().to_owned()).collect()));
        rest = &rest[close + 1..];
    }
    found
}

#[test]
fn every_metric_and_label_of_the_rules_is_exported() {
    let mut seen = 0;
    for (name, labels) in RULES.iter().flat_map(|file| expressions(file)).flat_map(|text| selectors(&text)) {
        if name == "up" {
            continue;
        }
        let family = family(&name).unwrap_or_else(|| panic!("{name} is not exported"));
        for label in labels.iter().filter(|label| !["job", "le"].contains(&label.as_str())) {
            assert!(family.labels.contains(&label.as_str()), "{name} has no label {label}");
        }
        seen += 1;
    }
    assert!(seen > 60, "only {seen} selectors were found");
}

#[test]
fn every_metric_of_the_dashboards_is_exported() {
    const WORDS: [&str; 2] = ["histogram_quantile", "ended_by"];
    let boards = dashboards();
    assert!(boards.len() >= 4);
    for expression in boards.iter().flat_map(panels) {
        let mut outside = String::new();
        let mut depth = 0;
        for character in expression.chars() {
            match character {
                '{' | '[' => depth += 1,
                '}' | ']' => depth -= 1,
                _ if depth == 0 => outside.push(character),
                _ => {}
            }
        }
        let words = outside.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
        for word in words.filter(|word| word.contains('_') && !WORDS.contains(word)) {
            assert!(family(word).is_some(), "{word} in {expression} is not exported");
        }
        for (name, labels) in selectors(&expression) {
            let family = family(&name).unwrap_or_else(|| panic!("{name} is not exported"));
            for label in labels.iter().filter(|label| *label != "job") {
                assert!(family.labels.contains(&label.as_str()), "{name} has no label {label}");
            }
        }
    }
}

#[test]
fn there_are_enough_alerts_and_the_published_two_are_kept_to_the_letter() {
    assert!(alerts().len() >= 30);
    let rules = read(RULES[0]);
    assert!(rules.contains(
        "expr: >-\n          sum(rate(http_requests_total{job=\"rack-gateway\",status=~\"5..\"}[5m])) / \
         sum(rate(http_requests_total{job=\"rack-gateway\"}[5m])) > 0.01\n        for: 5m\n        labels:\n          \
         severity: warning\n"
    ));
    assert!(rules.contains("summary: 'High error rate on Rack Gateway'"));
    assert!(rules.contains(
        "expr: >-\n          up{job=\"rack-gateway\"} == 0\n        for: 1m\n        labels:\n          severity: critical\n"
    ));
    assert!(rules.contains("summary: 'Rack Gateway is down'"));
}

#[test]
fn every_alert_has_an_owner_a_test_and_a_page() {
    for file in RULES {
        let text = read(file);
        let count = values(&text, "alert:").len();
        for key in ["severity:", "owner:", "summary:", "description:", "runbook_url:"] {
            assert_eq!(values(&text, key).len(), count, "{key} in {file}");
        }
    }
    let index = read("docs/runbooks/README.md");
    for alert in alerts() {
        let page = read(&format!("docs/runbooks/{alert}.md"));
        for section in SECTIONS {
            assert!(page.contains(&format!("\n## {section}\n")), "{alert} has no section {section}");
        }
        assert_eq!(commands(&page).len(), 3, "{alert}");
        assert!(index.contains(&format!("[{alert}]({alert}.md)")), "{alert} is not in the index");
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("alerts/tests/{alert}.yml")).exists());
    }
    let pages = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbooks")).unwrap().count();
    assert_eq!(pages, alerts().len() + 1, "a page without an alert");
}

fn commands(page: &str) -> Vec<String> {
    let Some((_, after)) = page.split_once("```sh\n") else { return Vec::new() };
    after.split("```").next().unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn every_command_of_the_pages_exists() {
    let mut own = BTreeSet::new();
    for alert in alerts() {
        for command in commands(&read(&format!("docs/runbooks/{alert}.md"))) {
            if let Some(arguments) = command.strip_prefix("rack-gateway ") {
                own.insert(arguments.to_owned());
            } else if let Some((_, pattern)) = command.split_once("/metrics | grep ") {
                let name = pattern.trim_start_matches("-E ").trim_matches('\'').trim_start_matches('^');
                let first = name
                    .trim_start_matches('(')
                    .split(['(', ')', '|', '.', '=', '['])
                    .next()
                    .unwrap_or_default();
                let known = catalogue::CATALOGUE
                    .iter()
                    .any(|family| family.name.contains(first.trim_end_matches('_')));
                assert!(
                    known
                        || pattern.contains("route=")
                        || pattern.contains("status=")
                        || pattern.contains("token_"),
                    "{alert}: {command}"
                );
            }
        }
    }
    for arguments in own {
        let program = assert_cmd::cargo::cargo_bin!("rack-gateway");
        let words = arguments.split(' ').filter(|word| !word.starts_with('-'));
        let help = Command::new(program).args(words).arg("--help").output().unwrap();
        assert!(help.status.success(), "rack-gateway {arguments}: {}", String::from_utf8_lossy(&help.stderr));
    }
}
