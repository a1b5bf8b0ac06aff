//! What of a service a grant lets one call: some methods, what lies below a path, or both.
//!
//! A path is compared segment by segment, decoded once. One that servers could read in two ways (dot segments,
//! encoded separators, double encoding, parameters behind a dot) is below no prefix, whatever it seems to be.

use percent_encoding::percent_decode_str;
use std::fmt;

/// What somebody asks of a service. Stands in the target of the demand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    method: String,
    /// `None` when the path can be read in more than one way.
    segments: Option<Vec<String>>,
}

impl Asked {
    /// `path` as it stood on the request line, from the service's root, without the query.
    pub fn of(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), segments: segments(path) }
    }

    pub fn method(&self) -> &str {
        &self.method
    }
}

/// Nothing is limited by default.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CallLimits {
    /// Upper case, sorted; empty means every method.
    methods: Vec<String>,
    below: Option<PathPrefix>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct PathPrefix {
    text: String,
    segments: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLimit {
    #[error("\"{0}\" is not a method; write for example GET,HEAD")]
    Method(String),
    #[error("\"{0}\" is not a path to stay below; write for example /api/, without dots, escapes or a query")]
    PathPrefix(String),
}

const LONGEST_PREFIX: usize = 300;
const LONGEST_METHOD: usize = 20;

impl CallLimits {
    /// From lists as people write them: `GET,HEAD` and `/api/`. An empty list of methods is a mistake, not no limit.
    pub fn read(methods: Option<&str>, path_prefix: Option<&str>) -> Result<Self, InvalidLimit> {
        let mut list = Vec::new();
        for word in methods.map(|methods| methods.split(',')).into_iter().flatten() {
            list.push(method(word.trim())?);
        }
        list.sort_unstable();
        list.dedup();
        let below = path_prefix.map(PathPrefix::read).transpose()?;
        Ok(Self { methods: list, below })
    }

    pub const fn is_none(&self) -> bool {
        self.methods.is_empty() && self.below.is_none()
    }

    /// `GET,HEAD`, as it is stored; `None` for every method.
    pub fn methods(&self) -> Option<String> {
        (!self.methods.is_empty()).then(|| self.methods.join(","))
    }

    /// `/api/`, as it is stored.
    pub fn path_prefix(&self) -> Option<&str> {
        self.below.as_ref().map(|below| below.text.as_str())
    }

    /// Whether a call stays within the limits; one that is not told, never.
    pub fn allow(&self, asked: Option<&Asked>) -> bool {
        if self.is_none() {
            return true;
        }
        let Some(asked) = asked else { return false };
        let has_method = self.methods.is_empty() || self.methods.contains(&asked.method);
        let is_below = match (&self.below, &asked.segments) {
            (None, _) => true,
            (Some(below), Some(segments)) => segments.starts_with(&below.segments),
            (Some(_), None) => false,
        };
        has_method && is_below
    }

    /// True when every call that `other` allows is allowed by these, too.
    pub fn contain(&self, other: &Self) -> bool {
        let methods = self.methods.is_empty()
            || (!other.methods.is_empty()
                && other.methods.iter().all(|method| self.methods.contains(method)));
        let below = match (&self.below, &other.below) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(held), Some(wanted)) => wanted.segments.starts_with(&held.segments),
        };
        methods && below
    }
}

/// ` with GET,HEAD below /api/`; nothing when nothing is limited.
impl fmt::Display for CallLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.methods.is_empty() {
            write!(f, " with {}", self.methods.join(","))?;
        }
        match &self.below {
            Some(below) => write!(f, " below {}", below.text),
            None => Ok(()),
        }
    }
}

fn method(word: &str) -> Result<String, InvalidLimit> {
    let is_method = !word.is_empty()
        && word.len() <= LONGEST_METHOD
        && word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
    match is_method {
        true => Ok(word.to_ascii_uppercase()),
        false => Err(InvalidLimit::Method(shown(word))),
    }
}

impl PathPrefix {
    /// `/api` and `/api/` are the same.
    fn read(text: &str) -> Result<Self, InvalidLimit> {
        let invalid = || InvalidLimit::PathPrefix(shown(text));
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"%?#;\\".contains(&byte));
        if text.len() > LONGEST_PREFIX || !plain {
            return Err(invalid());
        }
        let mut segments = segments(text).ok_or_else(invalid)?;
        if segments.last().is_some_and(String::is_empty) {
            segments.pop();
        }
        if segments.is_empty() {
            return Err(invalid());
        }
        Ok(Self { text: format!("/{}/", segments.join("/")), segments })
    }
}

fn shown(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_default).collect()
}

/// Decoded; `None` when servers may disagree on what the path names. An empty segment at the end is a closing slash.
fn segments(path: &str) -> Option<Vec<String>> {
    let below_root = path.strip_prefix('/')?;
    let parts: Vec<_> = below_root.split('/').collect();
    let last = parts.len().saturating_sub(1);
    parts.iter().enumerate().map(|(index, part)| segment(part, index == last)).collect()
}

fn segment(raw: &str, is_last: bool) -> Option<String> {
    let text = percent_decode_str(raw).decode_utf8().ok()?;
    let is_hidden =
        |character: char| matches!(character, '/' | '\\' | '%' | '?' | '#') || character.is_control();
    // Some servers cut what follows a semicolon before they look at the segment.
    let name = text.split(';').next().unwrap_or_default();
    let is_dots = matches!(name, "." | "..");
    let is_gap = text.is_empty() && !is_last;
    (!is_dots && !is_gap && !text.contains(is_hidden)).then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limits(methods: Option<&str>, below: Option<&str>) -> CallLimits {
        CallLimits::read(methods, below).unwrap()
    }

    fn allows(limits: &CallLimits, method: &str, path: &str) -> bool {
        limits.allow(Some(&Asked::of(method, path)))
    }

    #[test]
    fn methods_and_paths_are_limited_together_and_alone() {
        let both = limits(Some("get, HEAD"), Some("/api/"));
        assert!(
            allows(&both, "GET", "/api/x") && allows(&both, "HEAD", "/api") && allows(&both, "GET", "/api/")
        );
        for (method, path) in
            [("POST", "/api/x"), ("GET", "/apix"), ("GET", "/"), ("get", "/api/x"), ("GET", "/API/x")]
        {
            assert!(!allows(&both, method, path), "{method} {path}");
        }
        assert!(allows(&limits(Some("GET"), None), "GET", "/any/../thing"));
        assert!(allows(&limits(None, Some("/api")), "DELETE", "/api/v1"));
        assert!(allows(&CallLimits::default(), "BREW", "/../.."));
        assert!(!both.allow(None) && CallLimits::default().allow(None));
    }

    #[test]
    fn no_trick_leads_below_a_prefix() {
        let below = limits(None, Some("/api/v1/"));
        for path in [
            "/api/v1/../admin",
            "/api/v1/..",
            "/api/v1/%2e%2e/admin",
            "/api/v1/%2E./admin",
            "/api/v1/..%2fadmin",
            "/api/v1/..%5cadmin",
            "/api/v1/..\\admin",
            "/api/v1/%252e%252e/admin",
            "/api/v1/..;/admin",
            "/api/v1/..;a=b/admin",
            "/api/v1//admin",
            "//api/v1/x",
            "/./api/v1/x",
            "/x/../api/v1/y",
            "/api%2fv1/x",
            "/api/v1%2fx",
            "/api/v1/%00",
            "/api/v1/%ff",
            "/api/v1/x%3fy",
            "api/v1/x",
            "",
        ] {
            assert!(!allows(&below, "GET", path), "{path}");
        }
        for path in
            ["/api/v1", "/api/v1/", "/api/v1/x", "/%61pi/v1/x", "/api/v1/a%20b", "/api/v1/...", "/api/v1/a;b"]
        {
            assert!(allows(&below, "GET", path), "{path}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for methods in ["", "GET,", "G T", "GET;POST", "1", &"A".repeat(21)] {
            assert!(
                matches!(CallLimits::read(Some(methods), None), Err(InvalidLimit::Method(_))),
                "{methods}"
            );
        }
        for below in
            ["", "/", "api", "/a/../b", "/a//b", "/a?b", "/a%2fb", "/a b", "/ä", "//", &"/a".repeat(151)]
        {
            assert!(
                matches!(CallLimits::read(None, Some(below)), Err(InvalidLimit::PathPrefix(_))),
                "{below}"
            );
        }
    }

    #[test]
    fn what_is_stored_reads_back() {
        let both = limits(Some("POST,GET,GET"), Some("/api/v1"));
        assert_eq!((both.methods().as_deref(), both.path_prefix()), (Some("GET,POST"), Some("/api/v1/")));
        assert_eq!(CallLimits::read(both.methods().as_deref(), both.path_prefix()), Ok(both.clone()));
        assert_eq!(both.to_string(), " with GET,POST below /api/v1/");
        assert_eq!(CallLimits::default().to_string(), "");
    }

    fn any_limits() -> impl Strategy<Value = CallLimits> {
        let methods = prop::option::of(prop::sample::select(vec!["GET", "GET,POST", "POST", "HEAD,GET"]));
        let below = prop::option::of(prop::sample::select(vec!["/a", "/a/b", "/b", "/a/b/c"]));
        (methods, below).prop_map(|(methods, below)| limits(methods, below))
    }

    proptest! {
        #[test]
        fn containing_means_allowing_everything(held in any_limits(), wanted in any_limits()) {
            let paths = ["/", "/a", "/a/x", "/a/b", "/a/b/c/d", "/b", "/b/y", "/ab"];
            let calls = ["GET", "POST", "HEAD", "PUT"].into_iter().flat_map(|method| paths.map(|path| Asked::of(method, path)));
            let everywhere = calls.filter(|asked| wanted.allow(Some(asked))).all(|asked| held.allow(Some(&asked)));
            prop_assert_eq!(held.contain(&wanted), everywhere);
        }

        #[test]
        fn no_path_is_below_and_not(path in "(/|a|\\.|%2e|%2f|;|%25|\\\\){0,12}") {
            // Whatever is allowed has the prefix's text at its beginning, however it is decoded.
            if allows(&limits(None, Some("/a")), "GET", &path) {
                prop_assert!(path == "/a" || path.starts_with("/a/"), "{}", path);
                prop_assert!(!path.contains("/../") && !path.ends_with("/.."), "{}", path);
            }
        }
    }
}
