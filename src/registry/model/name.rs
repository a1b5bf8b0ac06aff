//! Names of repositories.

use crate::registry::error::{ErrorCode, Problem};
use std::{fmt, str::FromStr};

/// `team/app`: lower-case components joined by `/`, at most 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(String);

const LONGEST: usize = 255;

impl RepositoryName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RepositoryName {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        if text.len() > LONGEST || !text.split('/').all(is_component) {
            let message = "the name of a repository is made of the characters a-z and 0-9, joined by . _ __ or - and \
                           by /, and has at most 255 characters";
            return Err(Problem::new(ErrorCode::NameInvalid, message));
        }
        Ok(Self(text.to_owned()))
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(text: &str) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut runs = text.as_bytes().chunk_by(|a, b| is_word(a) == is_word(b)).peekable();
    let mut expects_word = true;
    while let Some(run) = runs.next() {
        let fits = match (expects_word, run) {
            (true, [first, ..]) => is_word(first),
            (false, b"." | b"_" | b"__") => runs.peek().is_some(),
            (false, dashes) => dashes.iter().all(|byte| *byte == b'-') && runs.peek().is_some(),
            (true, []) => false,
        };
        if !fits {
            return false;
        }
        expects_word = !expects_word;
    }
    !text.is_empty()
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_grammar() {
        let longest = "a".repeat(255);
        for name in ["a", "team/app", "a.b_c__d---e", "0/1/2", "blobs/uploads", "a/manifests", &longest] {
            assert_eq!(name.parse::<RepositoryName>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn what_is_not_a_name() {
        let long = "a".repeat(256);
        for name in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            "A",
            "team/App",
            "a..b",
            "a___b",
            "a._b",
            ".a",
            "a.",
            "-a",
            "a-",
            "_uploads",
            "a b",
            "a%2fb",
            "é",
            "..",
            "a/../b",
            "a/_manifests/b",
            "a-.b",
            "a:b",
            &long,
        ] {
            let problem = name.parse::<RepositoryName>().unwrap_err();
            assert_eq!(problem.code, ErrorCode::NameInvalid, "{name}");
        }
    }
}
