//! Writes families in the Prometheus text format 0.0.4, for those the recorder cannot keep.

use super::catalogue::{self, CATALOGUE};
use std::fmt::{Display, Write as _};

pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Appends `# HELP` and `# TYPE` of a family of the catalogue.
pub(super) fn header(out: &mut String, name: &str) {
    let Some(family) = catalogue::find(name) else { return };
    let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} {}", family.help, family.kind.as_str());
}

/// Appends one sample. `suffix` is empty, `_bucket`, `_sum` or `_count`.
pub(super) fn sample(
    out: &mut String,
    name: &str,
    suffix: &str,
    labels: &[(&str, &str)],
    value: impl Display,
) {
    let _ = write!(out, "{name}{suffix}");
    for (index, (label, text)) in labels.iter().enumerate() {
        let _ = write!(out, "{}{label}=\"", if index == 0 { '{' } else { ',' });
        escape(out, text);
        out.push('"');
    }
    let close = if labels.is_empty() { "" } else { "}" };
    let _ = writeln!(out, "{close} {value}");
}

fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}

/// Families that have no series yet still announce themselves, so that a reader of `/metrics` finds them all.
pub(super) fn announce_missing(out: &mut String) {
    let missing: Vec<_> =
        CATALOGUE.iter().filter(|family| !out.contains(&format!("# TYPE {} ", family.name))).collect();
    for family in missing {
        header(out, family.name);
    }
}

/// A reader of the text format, strict enough to find what a scraper would refuse.
#[cfg(test)]
pub(super) mod reader {
    use std::collections::{BTreeMap, HashSet};

    #[derive(Debug, Default)]
    pub struct Exposition {
        pub help: BTreeMap<String, String>,
        pub kinds: BTreeMap<String, String>,
        /// Key as written, `name{label="value"}`.
        pub samples: BTreeMap<String, f64>,
    }

    impl Exposition {
        pub fn value(&self, series: &str) -> f64 {
            *self.samples.get(series).unwrap_or_else(|| panic!("no sample {series}"))
        }
    }

    pub fn read(text: &str) -> Exposition {
        let mut page = Exposition::default();
        let mut closed = HashSet::new();
        let mut open = String::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("help has a text");
                assert!(page.help.insert(name.into(), help.into()).is_none(), "second HELP of {name}");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("type has a kind");
                assert!(page.kinds.insert(name.into(), kind.into()).is_none(), "second TYPE of {name}");
                assert!(closed.insert(std::mem::replace(&mut open, name.into())), "{name} is split in two");
            } else {
                let (series, value) = read_sample(line);
                assert!(belongs(&series, &open, &page.kinds), "{line} is not below # TYPE {open}");
                assert!(page.samples.insert(series, value).is_none(), "twice: {line}");
            }
        }
        page
    }

    fn belongs(series: &str, family: &str, kinds: &BTreeMap<String, String>) -> bool {
        let name = series.split('{').next().unwrap_or_default();
        match kinds.get(family).map(String::as_str) {
            Some("histogram") => {
                ["_bucket", "_sum", "_count"].iter().any(|end| name == format!("{family}{end}"))
            }
            Some(_) => name == family,
            None => false,
        }
    }

    fn read_sample(line: &str) -> (String, f64) {
        let name_end = line.find(['{', ' ']).expect("a sample has a value");
        assert!(line[..name_end].bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{line}");
        let mut end = name_end;
        if line[end..].starts_with('{') {
            let (mut quoted, mut escaped) = (false, false);
            let close = line[end..].char_indices().find(|(_, c)| match c {
                _ if escaped => {
                    escaped = false;
                    false
                }
                '\\' => {
                    escaped = true;
                    false
                }
                '"' => {
                    quoted = !quoted;
                    false
                }
                '}' => !quoted,
                _ => false,
            });
            end += close.unwrap_or_else(|| panic!("labels never close: {line}")).0 + 1;
        }
        let value = line[end..].trim();
        (line[..end].into(), value.parse().unwrap_or_else(|_| panic!("not a number: {line}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_cannot_break_out() {
        let mut out = String::new();
        header(&mut out, catalogue::HTTP_REQUESTS);
        sample(&mut out, catalogue::HTTP_REQUESTS, "", &[("route", "a\"}\\ 1\nx 2")], 7);
        assert_eq!(out.lines().count(), 3);
        let page = reader::read(&out);
        assert_eq!(page.value(r#"http_requests_total{route="a\"}\\ 1\nx 2"}"#), 7.0);
    }

    #[test]
    #[should_panic(expected = "twice")]
    fn the_reader_sees_duplicates() {
        reader::read("# TYPE a gauge\na{b=\"c\"} 1\na{b=\"c\"} 2\n");
    }
}
