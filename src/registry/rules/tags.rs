//! Which tags never change.

use crate::{
    config::ImmutableRule,
    policy::{Target, TargetPattern},
    registry::model::{RepositoryName, Tag},
};

/// Of the rules that fit a tag, the last counts.
#[derive(Debug, Default)]
pub struct ImmutableTags(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    repositories: TargetPattern,
    /// `*` stands for any characters.
    tags: String,
    is_exception: bool,
}

impl ImmutableTags {
    pub fn of(rules: &[ImmutableRule]) -> Self {
        let rule = |rule: &ImmutableRule| {
            // Patterns that the configuration took can be read.
            let repositories = format!("repo:{}", rule.repositories).parse().ok()?;
            Some(Rule { repositories, tags: rule.tags.clone(), is_exception: rule.is_exception })
        };
        Self(rules.iter().filter_map(rule).collect())
    }

    /// Whether any tag of the repository may be immutable.
    pub fn concerns(&self, repository: &RepositoryName) -> bool {
        let target = Target::repository(repository.as_str());
        self.0.iter().any(|rule| !rule.is_exception && rule.repositories.covers(&target))
    }

    pub fn covers(&self, repository: &RepositoryName, tag: &Tag) -> bool {
        let target = Target::repository(repository.as_str());
        let fits = |rule: &&Rule| rule.repositories.covers(&target) && matches(&rule.tags, tag.as_str());
        self.0.iter().rev().find(fits).is_some_and(|rule| !rule.is_exception)
    }
}

/// Each star takes as little as it can; only the last may have to take more, and it is tried from the end.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<_> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some((_, after)) = text.split_once(piece) else { return false };
        text = after;
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(texts: &[(&str, &str, bool)]) -> ImmutableTags {
        let rule = |(repositories, tags, is_exception): &(&str, &str, bool)| ImmutableRule {
            repositories: (*repositories).to_owned(),
            tags: (*tags).to_owned(),
            is_exception: *is_exception,
        };
        ImmutableTags::of(&texts.iter().map(rule).collect::<Vec<_>>())
    }

    fn covers(rules: &ImmutableTags, repository: &str, tag: &str) -> bool {
        rules.covers(&repository.parse().unwrap(), &tag.parse().unwrap())
    }

    #[test]
    fn the_last_rule_that_fits_counts() {
        let rules =
            rules(&[("team/**", "*", false), ("team/**", "latest", true), ("team/app", "la*", false)]);
        assert!(covers(&rules, "team/other", "v1"));
        assert!(!covers(&rules, "team/other", "latest"));
        assert!(covers(&rules, "team/app", "latest"));
        assert!(!covers(&rules, "teams/app", "v1"));
        assert!(rules.concerns(&"team/x".parse().unwrap()) && !rules.concerns(&"x".parse().unwrap()));
        assert!(!covers(&ImmutableTags::default(), "team/app", "v1"));
    }

    #[test]
    fn stars() {
        for (pattern, text, expected) in [
            ("v1", "v1", true),
            ("v1", "v10", false),
            ("v*", "v", true),
            ("*", "anything", true),
            ("v*.*", "v1.2", true),
            ("v*.*", "v1", false),
            ("*-rc*", "v1-rc2", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("*ab*ab", "ab", false),
            ("*ab*ab", "abab", true),
            ("v*.0", "v1.0.0", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
