//! What a client accepts, and what it has already.

use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT_ENCODING, IF_NONE_MATCH},
};

/// True when `coding` is listed with a weight above zero, or covered by `*`.
pub fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let mut any = false;
    for element in lines.flat_map(|line| line.split(',')) {
        let (name, weight) = element.split_once(';').unwrap_or((element, "q=1"));
        let is_wanted = weight.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()) > Some(0.0);
        match name.trim() {
            name if name.eq_ignore_ascii_case(coding) => return is_wanted,
            "*" => any = is_wanted,
            _ => {}
        }
    }
    any
}

/// True when the client holds what `tag` stands for, in any encoding of it.
pub fn has_already(headers: &HeaderMap, tag: &str) -> bool {
    let lists = |line: &HeaderValue| {
        let Ok(line) = line.to_str() else { return false };
        line.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == tag || one == "*")
    };
    headers.get_all(IF_NONE_MATCH).iter().any(lists)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn codings_by_weight() {
        for (value, expected) in [
            ("br", true),
            ("gzip, deflate, br", true),
            ("BR;q=0.1", true),
            ("gzip, br;q=0", false),
            ("*", true),
            ("*;q=0", false),
            ("br;q=0, *", false),
            ("brotli", false),
            ("br;q=x", false),
            ("", false),
        ] {
            assert_eq!(accepts(&headers(ACCEPT_ENCODING, value), "br"), expected, "{value}");
        }
        assert!(!accepts(&HeaderMap::new(), "br"));
    }

    #[test]
    fn tags_in_a_list() {
        for (value, expected) in [
            (r#""a""#, true),
            (r#"W/"a""#, true),
            (r#""b", "a""#, true),
            ("*", true),
            (r#""b""#, false),
            ("a", false),
        ] {
            assert_eq!(has_already(&headers(IF_NONE_MATCH, value), r#""a""#), expected, "{value}");
        }
    }
}
