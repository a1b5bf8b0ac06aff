//! The request target, parsed once. Decisions read the segments, and the upstream's URL is rebuilt from the
//! same segments, so that what was authorised is what is sent.
//!
//! Servers disagree on encoded separators, dot segments and double encoding. Such targets are refused here
//! instead of guessed at. Empty segments are kept: `DELETE /registries/https://index.docker.io/v1/` needs them.

mod pairs;

pub use pairs::{BadPairs, Pairs, encode_pairs, parse_pairs};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Longer targets are refused.
pub const MAX_TARGET_BYTES: usize = 16 * 1024;

/// What stays as it is in a rebuilt segment. All else is percent-encoded; Go, axum and nginx then read the same.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b'=');

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadTarget {
    #[error("the request target is longer than {MAX_TARGET_BYTES} bytes")]
    TooLong,
    #[error("the request target does not begin with \"/\"")]
    NotAPath,
    #[error("the request target has {0} in it; percent-encode it where it is data")]
    Raw(&'static str),
    #[error(
        "the path has an encoded {0} in a segment; only plain \"/\" separates and nothing else may be hidden"
    )]
    Encoded(&'static str),
    #[error("the path has the segment \".\" or \"..\"; write the path that you mean")]
    DotSegment,
    #[error("the path has a percent sign that no two hexadecimal digits follow")]
    Escape,
    #[error("the path is not UTF-8")]
    NotUtf8,
    #[error("the query has {0}")]
    Query(BadPairs),
}

/// Whether the target had a `?`. The stock CLI ends every target with one, even without a query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QueryMark {
    Absent,
    Present,
}

/// A path of decoded segments and a query of decoded pairs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParsedTarget {
    segments: Vec<String>,
    query: Pairs,
    mark: QueryMark,
}

impl ParsedTarget {
    /// Parses `path?query` as it stood on the request line.
    pub fn parse(raw: &str) -> Result<Self, BadTarget> {
        if raw.len() > MAX_TARGET_BYTES {
            return Err(BadTarget::TooLong);
        }
        let Some(below_root) = raw.strip_prefix('/') else { return Err(BadTarget::NotAPath) };
        refuse_raw(raw)?;
        let (path, query, mark) = match below_root.split_once('?') {
            Some((path, query)) => (path, query, QueryMark::Present),
            None => (below_root, "", QueryMark::Absent),
        };
        let segments = path.split('/').map(segment).collect::<Result<_, _>>()?;
        let query = parse_pairs(query).map_err(BadTarget::Query)?;
        Ok(Self { segments, query, mark })
    }

    /// Decoded, without `/`. `/a//b/` has `a`, empty, `b`, empty; `/` has one empty segment.
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// Decoded, in order, duplicates kept.
    pub fn query(&self) -> &[(String, String)] {
        &self.query
    }

    /// The target as one sees it that is mounted `depth` segments below the root, with the same query.
    #[must_use]
    pub fn below(mut self, depth: usize) -> Self {
        self.segments.drain(..depth.min(self.segments.len()));
        if self.segments.is_empty() {
            self.segments.push(String::new());
        }
        self
    }

    /// The path in the one encoding in which it leaves.
    pub fn to_path(&self) -> String {
        let mut path = String::with_capacity(self.segments.iter().map(|segment| segment.len() + 1).sum());
        for segment in &self.segments {
            path.push('/');
            path.extend(utf8_percent_encode(segment, ESCAPED));
        }
        path
    }

    /// The path with its query; a `?` that stood alone still does.
    pub fn to_path_and_query(&self) -> String {
        let mut text = self.to_path();
        if self.mark == QueryMark::Present {
            text.push('?');
        }
        if !self.query.is_empty() {
            text.push_str(&encode_pairs(&self.query));
        }
        text
    }
}

fn refuse_raw(raw: &str) -> Result<(), BadTarget> {
    let offending = raw.chars().find_map(|character| match character {
        '\\' => Some("a backslash"),
        '#' => Some("a \"#\""),
        ' ' => Some("a space"),
        control if control.is_control() => Some("a control character"),
        _ => None,
    });
    offending.map_or(Ok(()), |what| Err(BadTarget::Raw(what)))
}

fn segment(raw: &str) -> Result<String, BadTarget> {
    let text = decode_once(raw)?;
    if let Some(what) = text.chars().find_map(hidden) {
        return Err(BadTarget::Encoded(what));
    }
    if matches!(text.as_str(), "." | "..") {
        return Err(BadTarget::DotSegment);
    }
    Ok(text)
}

fn decode_once(raw: &str) -> Result<String, BadTarget> {
    if !raw.contains('%') {
        return Ok(raw.to_owned());
    }
    if !pairs::has_whole_escapes(raw) {
        return Err(BadTarget::Escape);
    }
    let decoded = percent_decode_str(raw).decode_utf8().map_err(|_| BadTarget::NotUtf8)?;
    Ok(decoded.into_owned())
}

/// Names what may not stand in a decoded segment.
fn hidden(character: char) -> Option<&'static str> {
    match character {
        '/' => Some("\"/\""),
        '\\' => Some("backslash"),
        '?' => Some("\"?\""),
        '#' => Some("\"#\""),
        '%' => Some("\"%\""),
        '\0' => Some("NUL"),
        control if control.is_control() => Some("control character"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
