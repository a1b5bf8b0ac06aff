//! The peers' access data: tokens with users and roles, and the permission rules.
//!
//! Files, one entry a line: `tokens.tsv` is `SHA256HEX<TAB>USER<TAB>ROLE`; a rules file is `METHOD /path/with/*`,
//! where `*` stands for exactly one segment.

use crate::Outcome;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

#[derive(Debug, PartialEq)]
pub struct Rule {
    method: String,
    segments: Vec<String>,
}

impl Rule {
    pub fn parse(line: &str) -> Outcome<Rule> {
        let (method, path) =
            line.split_once(" /").ok_or_else(|| format!("rule `{line}`: write `METHOD /path`"))?;
        Ok(Rule { method: method.to_owned(), segments: path.split('/').map(str::to_owned).collect() })
    }

    pub fn allows(&self, method: &str, path: &str) -> bool {
        let mut parts = path.trim_start_matches('/').split('/');
        self.method == method
            && self.segments.iter().all(|want| parts.next().is_some_and(|part| want == "*" || want == part))
            && parts.next().is_none()
    }

    /// The rule as an anchored regular expression over `METHOD path`, for peers that match with those.
    pub fn regex(&self) -> String {
        let path: Vec<&str> = self.segments.iter().map(|s| if s == "*" { "[^/]+" } else { s }).collect();
        format!("^{} /{}$", self.method, path.join("/"))
    }
}

pub fn parse_rules(text: &str) -> Outcome<Vec<Rule>> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(Rule::parse).collect()
}

pub struct Holder {
    pub user: String,
    pub role: String,
}

/// Everything the auth service decides with.
pub struct Access {
    pub holders: HashMap<String, Holder>,
    pub roles: HashMap<String, Vec<Rule>>,
}

#[derive(Debug, PartialEq)]
pub enum Decision<'a> {
    Allowed { user: &'a str },
    UnknownToken,
    Forbidden,
}

impl Access {
    pub fn decide(&self, token: &str, method: &str, target: &str) -> Decision<'_> {
        let Some(holder) = self.holders.get(&token_hash(token)) else { return Decision::UnknownToken };
        let path = target.split('?').next().unwrap_or(target);
        let rules = self.roles.get(&holder.role).map_or(&[][..], Vec::as_slice);
        if rules.iter().any(|rule| rule.allows(method, path)) {
            Decision::Allowed { user: &holder.user }
        } else {
            Decision::Forbidden
        }
    }
}

pub fn token_hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

pub fn parse_tokens(text: &str) -> Outcome<HashMap<String, Holder>> {
    let mut holders = HashMap::new();
    for line in text.lines() {
        let mut fields = line.split('\t').map(str::to_owned);
        let (Some(hash), Some(user), Some(role)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(format!("token line `{line}`: write hash, user and role with tabs between").into());
        };
        holders.insert(hash, Holder { user, role });
    }
    Ok(holders)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        let tokens = format!("{}\tann\tviewer\n", token_hash("secret"));
        let rules = parse_rules("# read only\nGET /apps/*/builds\nGET /apps\n").unwrap();
        Access {
            holders: parse_tokens(&tokens).unwrap(),
            roles: HashMap::from([("viewer".to_owned(), rules)]),
        }
    }

    #[test]
    fn the_right_token_on_a_listed_path_is_allowed() {
        assert_eq!(access().decide("secret", "GET", "/apps?x=1"), Decision::Allowed { user: "ann" });
        assert_eq!(access().decide("secret", "GET", "/apps/web/builds"), Decision::Allowed { user: "ann" });
    }

    #[test]
    fn all_else_is_refused() {
        assert_eq!(access().decide("other", "GET", "/apps"), Decision::UnknownToken);
        for (method, path) in
            [("POST", "/apps"), ("GET", "/apps/web"), ("GET", "/apps/web/builds/B1"), ("GET", "/")]
        {
            assert_eq!(access().decide("secret", method, path), Decision::Forbidden, "{method} {path}");
        }
    }

    #[test]
    fn a_rule_becomes_a_regex_and_a_bad_line_is_named() {
        assert_eq!(Rule::parse("GET /apps/*/builds").unwrap().regex(), "^GET /apps/[^/]+/builds$");
        assert!(parse_rules("GET apps").unwrap_err().to_string().contains("`GET apps`"));
        assert!(parse_tokens("abc\tann").is_err());
    }
}
