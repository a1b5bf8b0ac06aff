//! The ranges of downloads (`Range: bytes=0-9`), those of upload chunks (`Content-Range: 0-9`), and conditions.

use super::digest::Digest;
use crate::registry::error::{ErrorCode, Problem};
use http::{
    HeaderMap,
    header::{CONTENT_RANGE, IF_NONE_MATCH, IF_RANGE, RANGE},
};
use std::ops::Range;

/// What of a blob is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobRange {
    Whole,
    /// Not empty, and within the blob.
    Part(Range<u64>),
    /// Begins behind the end.
    Unsatisfiable,
}

/// Headers that cannot be read, and several ranges at once, mean the whole.
pub fn blob_range(headers: &HeaderMap, size: u64, etag: &str) -> BlobRange {
    let mut lines = headers.get_all(RANGE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return BlobRange::Whole };
    let is_current = headers.get(IF_RANGE).is_none_or(|condition| condition.as_bytes() == etag.as_bytes());
    let spec = line.to_str().ok().and_then(|line| line.trim().strip_prefix("bytes="));
    let bounds = spec.and_then(|spec| spec.trim().split_once('-'));
    let Some((first, last)) = bounds.filter(|_| is_current) else { return BlobRange::Whole };
    match (digits(first), digits(last)) {
        (Some(first), Some(last)) if first > last => BlobRange::Whole,
        (Some(first), _) if first >= size && (last.is_empty() || digits(last).is_some()) => {
            BlobRange::Unsatisfiable
        }
        (Some(first), Some(last)) => BlobRange::Part(first..last.saturating_add(1).min(size)),
        (Some(first), None) if last.is_empty() => BlobRange::Part(first..size),
        (None, Some(count)) if first.is_empty() => match size.min(count) {
            0 => BlobRange::Unsatisfiable,
            count => BlobRange::Part(size - count..size),
        },
        _ => BlobRange::Whole,
    }
}

/// A number beyond 64 bits is as good as the greatest.
fn digits(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Where a chunk says it belongs: `Content-Range: <first>-<last>`, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkRange {
    pub first: u64,
    pub length: u64,
}

impl ChunkRange {
    /// `None` without the header. Some clients write `bytes 0-9/*` as HTTP has it.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut lines = headers.get_all(CONTENT_RANGE).iter();
        let Some(line) = lines.next() else { return Ok(None) };
        let range = line.to_str().ok().filter(|_| lines.next().is_none()).and_then(Self::parse);
        range.map(Some).ok_or_else(|| {
            let message = "Content-Range is written <first byte>-<last byte>, for example 0-1048575";
            Problem::new(ErrorCode::RangeInvalid, message)
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix("bytes ").or_else(|| text.strip_prefix("bytes=")).unwrap_or(text);
        let (first, last) = text.split('/').next()?.split_once('-')?;
        let (first, last) = (digits(first)?, digits(last)?);
        let length = last.checked_sub(first)?.checked_add(1)?;
        Some(Self { first, length })
    }
}

/// Whether the client has this content already.
pub fn if_none_match(headers: &HeaderMap, digest: &Digest) -> bool {
    let own = digest.to_string();
    let lines = headers.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"') == own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::model::Algorithm;

    fn headers(name: http::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn parts_of_a_blob_of_ten() {
        let part = |range: Range<u64>| BlobRange::Part(range);
        for (text, expected) in [
            ("bytes=0-4", part(0..5)),
            ("bytes=4-", part(4..10)),
            ("bytes=-3", part(7..10)),
            ("bytes=-30", part(0..10)),
            ("bytes=0-99", part(0..10)),
            ("bytes=0-99999999999999999999999", part(0..10)),
            ("bytes=10-", BlobRange::Unsatisfiable),
            ("bytes=10-12", BlobRange::Unsatisfiable),
            ("bytes=-0", BlobRange::Unsatisfiable),
            ("bytes=5-4", BlobRange::Whole),
            ("bytes=0-1,3-4", BlobRange::Whole),
            ("bytes=a-b", BlobRange::Whole),
            ("bytes=-", BlobRange::Whole),
            ("bytes=+1-2", BlobRange::Whole),
            ("lines=0-4", BlobRange::Whole),
            ("", BlobRange::Whole),
        ] {
            assert_eq!(blob_range(&headers(RANGE, text), 10, "\"x\""), expected, "{text}");
        }
        assert_eq!(blob_range(&headers(RANGE, "bytes=0-"), 0, ""), BlobRange::Unsatisfiable);
        assert_eq!(blob_range(&HeaderMap::new(), 10, ""), BlobRange::Whole);
    }

    #[test]
    fn a_range_of_another_content_is_not_taken() {
        let mut headers = headers(RANGE, "bytes=0-4");
        headers.insert(IF_RANGE, "\"other\"".parse().unwrap());
        assert_eq!(blob_range(&headers, 10, "\"own\""), BlobRange::Whole);
        headers.insert(IF_RANGE, "\"own\"".parse().unwrap());
        assert_eq!(blob_range(&headers, 10, "\"own\""), BlobRange::Part(0..5));
    }

    #[test]
    fn chunks() {
        let chunk = |text: &str| ChunkRange::of(&headers(CONTENT_RANGE, text));
        let five = Some(ChunkRange { first: 5, length: 5 });
        for text in ["5-9", "bytes 5-9/*", "bytes 5-9/10", "bytes=5-9"] {
            assert_eq!(chunk(text).unwrap(), five, "{text}");
        }
        for text in ["", "-", "5", "9-5", "a-b", "5-", "-5", "0-18446744073709551615", "0x1-2"] {
            assert_eq!(chunk(text).unwrap_err().code, ErrorCode::RangeInvalid, "{text}");
        }
        assert_eq!(ChunkRange::of(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn conditions() {
        let digest = Digest::of(Algorithm::Sha256, b"");
        for (text, expected) in [
            (format!("\"{digest}\""), true),
            (format!("\"a\", W/\"{digest}\""), true),
            ("*".to_owned(), true),
            ("\"sha256:0\"".to_owned(), false),
        ] {
            assert_eq!(if_none_match(&headers(IF_NONE_MATCH, &text), &digest), expected, "{text}");
        }
    }
}
