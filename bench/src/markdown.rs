//! The report as text: the goals with their verdicts, then every measured number.

use crate::goals::{Bound, Finding};
use crate::samples::Samples;
use crate::stats::spread;
use std::collections::BTreeSet;

/// Columns of the tables of loads, in their order.
const SHOWN: &[(&str, &str)] = &[
    ("rps", "req/s"),
    ("cpu_us", "CPU µs/request"),
    ("p50_ms", "p50 ms"),
    ("p99_ms", "p99 ms"),
    ("p999_ms", "p99.9 ms"),
    ("mib_s", "MiB/s"),
    ("cpu_s", "CPU s"),
    ("rss_peak_mib", "peak RSS MiB"),
    ("rss_growth_mib", "RSS growth MiB"),
    ("kib_each", "KiB each"),
    ("opened", "opened"),
    ("rows_s", "rows/s"),
    ("register_s", "s to register all"),
    ("events", "events seen"),
    ("near_us", "near µs"),
    ("far_us", "far µs"),
    ("apart_ns", "apart ns"),
    ("t", "Welch's |t|"),
];

pub fn goals_table(findings: &[Finding]) -> String {
    let mut text = String::from(
        "| # | goal | measured (median, min–max) | must | met | stretch | met |\n|--:|---|---|---|---|---|---|\n",
    );
    for finding in findings {
        let goal = finding.goal;
        let sign = match goal.bound {
            Bound::AtMost { .. } => "≤",
            Bound::AtLeast { .. } => "≥",
        };
        text.push_str(&format!(
            "| {} | {} | {} | {sign} {} | {} | {sign} {} | {} |\n",
            goal.row,
            goal.what,
            measured(finding),
            figure(goal.bound.must()),
            verdict(finding.meets_must(), finding.is_close()),
            figure(goal.bound.stretch()),
            verdict(finding.meets_stretch(), false),
        ));
    }
    text
}

fn measured(finding: &Finding) -> String {
    let unit = finding.goal.unit;
    let failed = match finding.invalid {
        0 => String::new(),
        count => format!("; {count} samples with failed requests left out"),
    };
    match finding.value {
        Some(v) => format!("{} {unit} [{}–{}]{failed}", figure(v.median), figure(v.low), figure(v.high)),
        None => format!("not measured{failed}"),
    }
}

fn verdict(met: Option<bool>, close: bool) -> &'static str {
    match (met, close) {
        (None, _) => "–",
        (Some(true), false) => "yes",
        (Some(true), true) => "yes (close)",
        (Some(false), false) => "no",
        (Some(false), true) => "no (close)",
    }
}

/// Every load with every target's medians and spreads, in the order of the run.
pub fn loads_tables(samples: &Samples) -> String {
    let mut text = String::new();
    for load in first_seen(samples.0.iter().map(|sample| sample.load.as_str())) {
        let targets = first_seen(samples.0.iter().filter(|s| s.load == load).map(|s| s.who.as_str()));
        let shown: Vec<_> = SHOWN
            .iter()
            .filter(|(name, _)| targets.iter().any(|who| !samples.values(load, who, name).is_empty()))
            .collect();
        text.push_str(&format!("\n### {load}\n\n| |"));
        for (_, title) in &shown {
            text.push_str(&format!(" {title} |"));
        }
        text.push_str(&format!("\n|---|{}\n", "--:|".repeat(shown.len())));
        for who in targets {
            text.push_str(&format!("| {who} |"));
            for (name, _) in &shown {
                let values: Vec<f64> = samples.values(load, who, name).into_values().collect();
                match spread(&values) {
                    Some(v) if v.low == v.high => text.push_str(&format!(" {} |", figure(v.median))),
                    Some(v) => {
                        text.push_str(&format!(
                            " {} [{}–{}] |",
                            figure(v.median),
                            figure(v.low),
                            figure(v.high)
                        ));
                    }
                    None => text.push_str(" |"),
                }
            }
            text.push('\n');
        }
    }
    text
}

fn first_seen<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    names.filter(|name| seen.insert(*name)).collect()
}

/// Three significant figures, and whole numbers above a hundred.
fn figure(value: f64) -> String {
    let size = value.abs();
    if size < 0.0005 {
        "0".to_owned()
    } else if size >= 100.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else if size >= 0.1 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goals::GOALS;

    #[test]
    fn figures_keep_three_places_that_matter() {
        let shown: Vec<String> = [-0.0001, 0.0123, 0.5, 12.34, 54321.9].map(figure).into();
        assert_eq!(shown, ["0", "0.012", "0.50", "12.3", "54322"]);
    }

    #[test]
    fn every_goal_is_listed_even_when_nothing_was_measured() {
        let samples = Samples(Vec::new());
        let findings: Vec<Finding> = GOALS.iter().map(|goal| goal.judge(&samples)).collect();
        let table = goals_table(&findings);
        assert_eq!(table.lines().count(), 2 + GOALS.len());
        assert!(table.lines().skip(2).all(|line| line.contains("not measured") && line.contains("| – |")));
    }

    #[test]
    fn a_load_shows_only_the_columns_that_were_measured() {
        let line = r#"{"load":"c64","who":"a","rep":1,"requests":5,"rps":2000.0}"#;
        let text = loads_tables(&Samples::parse(line).unwrap());
        assert_eq!(text, "\n### c64\n\n| | req/s |\n|---|--:|\n| a | 2000 |\n");
    }
}
