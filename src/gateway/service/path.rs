//! The target of a call as it is passed on: byte for byte, after a look at whether it stays where it belongs.

use crate::gateway::target::{BadTarget, MAX_TARGET_BYTES};
use percent_encoding::percent_decode_str;

/// `path?query` below the service's root, as it stood on the request line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawTarget {
    text: String,
    /// Bytes of the path.
    path: usize,
}

impl RawTarget {
    /// What is read differently by others is theirs to read, except for a path that climbs above its root: below an
    /// instance's own path there may be something else that nobody registered.
    pub fn parse(path: &str, query: Option<&str>) -> Result<Self, BadTarget> {
        let path = if path.is_empty() { "/" } else { path };
        if path.len() + query.map_or(0, str::len) > MAX_TARGET_BYTES {
            return Err(BadTarget::TooLong);
        }
        if !path.starts_with('/') {
            return Err(BadTarget::NotAPath);
        }
        if climbs(path) {
            return Err(BadTarget::DotSegment);
        }
        let text = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
        Ok(Self { text, path: path.len() })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn path(&self) -> &str {
        self.text.get(..self.path).unwrap_or_default()
    }
}

/// Whether any reader could take the path for one above its root. Decoded twice over, with every separator that there
/// is, and without what may stand behind a semicolon.
fn climbs(path: &str) -> bool {
    let mut text = path.to_owned();
    for _ in 0..3 {
        let mut depth = 0i32;
        for segment in text.split(['/', '\\']) {
            match segment.split(';').next().unwrap_or_default() {
                "" | "." => {}
                ".." => depth -= 1,
                _ => depth += 1,
            }
            if depth < 0 {
                return true;
            }
        }
        text = percent_decode_str(&text).decode_utf8_lossy().into_owned();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_keep_their_bytes() {
        for (path, query, expected) in [
            ("/a%2Fb%3fc", None, "/a%2Fb%3fc"),
            ("/a//b/", Some(""), "/a//b/?"),
            ("/a/../b/./c", Some("x=%2e&y=/../"), "/a/../b/./c?x=%2e&y=/../"),
            ("", None, "/"),
            ("/%", None, "/%"),
            ("/a;b=c/%E2%98%83", None, "/a;b=c/%E2%98%83"),
        ] {
            let target = RawTarget::parse(path, query).unwrap();
            assert_eq!(target.as_str(), expected);
            assert_eq!(target.path(), if path.is_empty() { "/" } else { path });
        }
    }

    #[test]
    fn nothing_climbs_above_the_root() {
        for path in [
            "/..",
            "/../x",
            "/a/../../x",
            "/%2e%2e/x",
            "/.%2E/x",
            "/a/..%2f..%2fx",
            "/a/..%5c..%5cx",
            "/..\\x",
            "/%252e%252e/x",
            "/..;/x",
            "/a/..;x=y/../b",
            "//../x",
        ] {
            assert_eq!(RawTarget::parse(path, None), Err(BadTarget::DotSegment), "{path}");
        }
        assert_eq!(RawTarget::parse("x", None), Err(BadTarget::NotAPath));
        assert_eq!(
            RawTarget::parse(&format!("/{}", "a".repeat(MAX_TARGET_BYTES)), None),
            Err(BadTarget::TooLong)
        );
        assert!(RawTarget::parse("/...", None).is_ok() && RawTarget::parse("/a..b/..c", None).is_ok());
    }
}
