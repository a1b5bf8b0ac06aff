//! The page once more in the format OpenMetrics 1.0, the only one that has exemplars, for scrapers that ask for it.

use std::{collections::HashSet, fmt::Write as _};

pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const MEDIA_TYPE: &str = "application/openmetrics-text";

/// Whether an `Accept` likes OpenMetrics at least as much as plain text.
pub fn is_wanted(accept: &str) -> bool {
    let weight = |wanted: &str| {
        let items = accept.split(',').filter_map(|item| {
            let mut parts = item.split(';').map(str::trim);
            parts.next()?.eq_ignore_ascii_case(wanted).then_some(parts)
        });
        let weights = items.map(|mut parts| {
            let weight = parts.find_map(|part| part.strip_prefix("q="));
            weight.map_or(1.0, |weight| weight.parse::<f32>().unwrap_or(0.0))
        });
        weights.fold(0.0, f32::max)
    };
    let open = weight(MEDIA_TYPE);
    open > 0.0 && open >= weight("text/plain")
}

/// From the text format 0.0.4. Counters lose `_total` in the names of their families, one without it is `unknown`;
/// blank lines and other comments are not allowed.
pub fn translate(page: &str) -> String {
    let counters: HashSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let family = |name: &str| {
        let bare = name.strip_suffix("_total").filter(|_| counters.contains(name));
        bare.unwrap_or(name).to_owned()
    };
    let mut out = String::with_capacity(page.len());
    for line in page.lines().filter(|line| !line.is_empty()) {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            let _ = writeln!(out, "# HELP {} {}", family(name), help.replace('"', "\\\""));
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            let kind = match kind {
                "counter" if !name.ends_with("_total") => "unknown",
                "untyped" => "unknown",
                kind => kind,
            };
            let _ = writeln!(out, "# TYPE {} {kind}", family(name));
        } else if !line.starts_with('#') {
            let _ = writeln!(out, "{line}");
        }
    }
    out.push_str("# EOF\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_it_gets_it() {
        for (accept, expected) in [
            ("application/openmetrics-text", true),
            (
                "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1",
                true,
            ),
            ("Application/OpenMetrics-Text; version=1.0.0, text/plain", true),
            ("text/plain, application/openmetrics-text;q=0.5", false),
            ("application/openmetrics-text;q=0", false),
            ("application/openmetrics-text;q=x", false),
            ("*/*", false),
            ("", false),
        ] {
            assert_eq!(is_wanted(accept), expected, "{accept}");
        }
    }

    #[test]
    fn a_page_is_translated() {
        let page = "# HELP a_total Says \"a\".\n# TYPE a_total counter\na_total{x=\"# 1\"} 1\n\n# a remark\n\
                    # TYPE b counter\nb 2\n# HELP c_total c\n# TYPE c_total gauge\nc_total 3\n# TYPE d untyped\n";
        let expected = "# HELP a Says \\\"a\\\".\n# TYPE a counter\na_total{x=\"# 1\"} 1\n# TYPE b unknown\nb 2\n\
                        # HELP c_total c\n# TYPE c_total gauge\nc_total 3\n# TYPE d unknown\n# EOF\n";
        assert_eq!(translate(page), expected);
        assert_eq!(translate(""), "# EOF\n");
    }
}
