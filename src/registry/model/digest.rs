//! Digests, and the hashing that proves them.

use crate::registry::error::{ErrorCode, Problem};
use sha2::{Digest as _, Sha256, Sha512};
use std::{fmt, str::FromStr};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    #[default]
    Sha256,
    Sha512,
}

impl Algorithm {
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    const fn digits(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

impl FromStr for Algorithm {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let known = Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text);
        known.ok_or_else(|| invalid("the algorithm of a digest is sha256 or sha512"))
    }
}

/// `sha256:` and 64 lower-case hexadecimal digits, or `sha512:` and 128.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    hex: String,
}

impl Digest {
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// `sha256-<hex>`: as part of a file name, or as the tag under which older clients keep referrers, which has
    /// at most 64 digits.
    pub fn dashed(&self) -> String {
        format!("{}-{}", self.algorithm.as_str(), self.hex)
    }

    pub fn fallback_tag(&self) -> String {
        format!("{}-{}", self.algorithm.as_str(), self.hex.get(..64).unwrap_or(&self.hex))
    }

    pub fn from_dashed(text: &str) -> Option<Self> {
        text.replacen('-', ":", 1).parse().ok()
    }
}

impl FromStr for Digest {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let (algorithm, hex) = text
            .split_once(':')
            .ok_or_else(|| invalid("a digest is written sha256:<64 hexadecimal digits>"))?;
        let algorithm: Algorithm = algorithm.parse()?;
        let is_hex = hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if hex.len() != algorithm.digits() || !is_hex {
            let digits = algorithm.digits();
            return Err(invalid(format!(
                "a {} digest has {digits} lower-case hexadecimal digits",
                algorithm.as_str()
            )));
        }
        Ok(Self { algorithm, hex: hex.to_owned() })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.as_str(), self.hex)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Hashes bytes as they flow.
#[derive(Clone, Debug)]
pub enum Hasher {
    Sha256(Box<Sha256>),
    Sha512(Box<Sha512>),
}

impl Hasher {
    pub fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Box::default()),
            Algorithm::Sha512 => Self::Sha512(Box::default()),
        }
    }

    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    pub fn finish(self) -> Digest {
        let algorithm = self.algorithm();
        let hex = match self {
            Self::Sha256(hasher) => hex::encode(hasher.finalize()),
            Self::Sha512(hasher) => hex::encode(hasher.finalize()),
        };
        Digest { algorithm, hex }
    }
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::new(ErrorCode::DigestInvalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_NOTHING: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn of_bytes() {
        assert_eq!(Digest::of(Algorithm::Sha256, b"").to_string(), OF_NOTHING);
        let long = Digest::of(Algorithm::Sha512, b"abc");
        assert!(long.to_string().starts_with("sha512:ddaf35a193617abacc417349ae204131"));
        assert_eq!(long.to_string().parse::<Digest>().unwrap(), long);
        assert_eq!(Digest::from_dashed(&long.dashed()).unwrap(), long);
        assert_eq!(long.fallback_tag().len(), "sha512-".len() + 64);
    }

    #[test]
    fn in_pieces_as_in_one() {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(b"ab");
        let mut resumed = hasher.clone();
        resumed.update(b"c");
        assert_eq!(resumed.finish(), Digest::of(Algorithm::Sha256, b"abc"));
    }

    #[test]
    fn malformed() {
        let upper = OF_NOTHING.to_uppercase().replace("SHA", "sha");
        let long = format!("{OF_NOTHING}0");
        for text in
            ["", "sha256", "sha256:", "sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e", &upper, &long]
        {
            assert_eq!(text.parse::<Digest>().unwrap_err().code, ErrorCode::DigestInvalid, "{text}");
        }
        for hostile in ["sha256:../../../etc/passwd", "sha256:\0", "sha512:e3b0c44298fc1c149afbf4c8996fb924"]
        {
            assert!(hostile.parse::<Digest>().is_err(), "{hostile}");
        }
    }
}
