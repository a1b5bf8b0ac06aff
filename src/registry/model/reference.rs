//! What a manifest is called: by a tag or by its digest.

use super::digest::{Algorithm, Digest};
use crate::registry::error::{ErrorCode, Problem};
use std::{fmt, str::FromStr};

/// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

const LONGEST: usize = 128;

impl Tag {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let fits = text.len() <= LONGEST
            && text.bytes().next().is_some_and(is_word)
            && text.bytes().all(|byte| is_word(byte) || byte == b'.' || byte == b'-');
        if !fits {
            let message = "a tag has 1 to 128 of the characters a-z, A-Z, 0-9, _ . and -, and begins with none of . and -";
            return Err(Problem::new(ErrorCode::TagInvalid, message));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    Tag(Tag),
    Digest(Digest),
}

impl Reference {
    /// The digest of a manifest that is put under this name, and the tag that it is to have. A digest must be that of
    /// the bytes.
    pub fn names(&self, bytes: &[u8]) -> Result<(Digest, Vec<Tag>), Problem> {
        match self {
            Self::Tag(tag) => Ok((Digest::of(Algorithm::default(), bytes), vec![tag.clone()])),
            Self::Digest(said) => {
                let digest = Digest::of(said.algorithm(), bytes);
                if digest != *said {
                    let message = format!("the manifest's digest is {digest}, not {said}");
                    return Err(Problem::new(ErrorCode::DigestInvalid, message));
                }
                Ok((digest, Vec::new()))
            }
        }
    }
}

impl FromStr for Reference {
    type Err = Problem;

    /// What has a colon is meant to be a digest.
    fn from_str(text: &str) -> Result<Self, Problem> {
        if text.contains(':') { text.parse().map(Self::Digest) } else { text.parse().map(Self::Tag) }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_digests() {
        let longest = "t".repeat(128);
        for tag in ["latest", "_", "V1.2-rc_3", "1..2", &longest] {
            assert_eq!(tag.parse::<Reference>().unwrap().to_string(), tag);
        }
        let digest = format!("sha256:{}", "a".repeat(64));
        assert!(matches!(digest.parse().unwrap(), Reference::Digest(_)));
    }

    #[test]
    fn malformed() {
        let long = "t".repeat(129);
        for (text, code) in [
            ("", ErrorCode::TagInvalid),
            (".hidden", ErrorCode::TagInvalid),
            ("-x", ErrorCode::TagInvalid),
            ("a/b", ErrorCode::TagInvalid),
            ("a+b", ErrorCode::TagInvalid),
            (&long, ErrorCode::TagInvalid),
            ("sha256:abc", ErrorCode::DigestInvalid),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap_err().code, code, "{text}");
        }
    }
}
