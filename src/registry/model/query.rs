//! Query parameters, each at most once: a registry that reads the first of two and one that reads the last would do
//! different things.

use super::operation::Page;
use crate::registry::error::{ErrorCode, Problem};
use std::borrow::Cow;

#[derive(Debug)]
pub(super) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

const SINGLE: [&str; 8] =
    ["mount", "from", "digest", "digest-algorithm", "origin", "n", "last", "artifactType"];

impl<'a> Query<'a> {
    pub fn parse(text: &'a str) -> Result<Self, Problem> {
        let pairs: Vec<_> = form_urlencoded::parse(text.as_bytes()).collect();
        for name in SINGLE {
            if pairs.iter().filter(|(key, _)| key == name).count() > 1 {
                let message = format!("the query parameter {name} is given more than once");
                return Err(
                    Problem::new(ErrorCode::Unsupported, message).status(http::StatusCode::BAD_REQUEST)
                );
            }
        }
        Ok(Self(pairs))
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_ref())
    }

    pub fn all(&self, name: &'a str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_ref())
    }

    /// `n` and `last`. A number beyond 64 bits is as good as the greatest.
    pub fn page(&self) -> Result<Page, Problem> {
        let size = match self.get("n") {
            None => None,
            Some(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(text.parse().unwrap_or(u64::MAX))
            }
            Some(_) => {
                let message = "n is not a number of entries; write a whole number";
                return Err(Problem::new(ErrorCode::PaginationNumberInvalid, message));
            }
        };
        Ok(Page { size, last: self.get("last").filter(|last| !last.is_empty()).map(str::to_owned) })
    }
}
