//! Rules about tags and sizes.

use crate::config::values::{self, Checked};

/// `team/**:v*`, with `!` before it for an exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImmutableRule {
    /// A pattern of repositories.
    pub repositories: String,
    /// A tag in which `*` stands for any characters.
    pub tags: String,
    pub is_exception: bool,
}

/// What a namespace may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// The first part of a repository's name; `None` for each that is not named.
    pub namespace: Option<String>,
    pub bytes: u64,
}

pub(super) fn immutable(text: &str) -> Checked<ImmutableRule> {
    let mend =
        "is not a rule for tags; write repositories and tags, for example team/**:v* or !team/**:latest";
    let (is_exception, rule) = text.strip_prefix('!').map_or((false, text), |rule| (true, rule));
    let (repositories, tags) = rule.split_once(':').ok_or(mend)?;
    let repositories = values::repository_pattern(repositories)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-*".contains(c);
    if tags.is_empty() || tags.len() > 128 || !tags.chars().all(fits) {
        return Err(mend.into());
    }
    Ok(ImmutableRule { repositories, tags: tags.to_owned(), is_exception })
}

pub(super) fn quota(text: &str) -> Checked<Quota> {
    let (namespace, size) =
        text.split_once('=').ok_or("is not a quota; write for example team=10GiB or *=50GiB")?;
    let namespace = match namespace.trim() {
        "*" => None,
        name if name.contains(['/', '*']) => {
            return Err("names more than a namespace, which is the part before the first /; write for example team=10GiB".into());
        }
        name => Some(values::repository_pattern(name)?),
    };
    let bytes = values::size(0..=u64::MAX)(size.trim())?;
    Ok(Quota { namespace, bytes: u64::try_from(bytes).unwrap_or(u64::MAX) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{error, load, load_toml};

    #[test]
    fn rules_for_tags() {
        let config = load([("REGISTRY_IMMUTABLE_TAGS", "team/**:v*,!team/app:v0")]);
        let rule = |repositories: &str, tags: &str, is_exception| ImmutableRule {
            repositories: repositories.into(),
            tags: tags.into(),
            is_exception,
        };
        assert_eq!(
            config.registry.immutable_tags,
            [rule("team/**", "v*", false), rule("team/app", "v0", true)]
        );
        for wrong in ["team", "team:", "te am:v*", "team:v 1", ":v1"] {
            assert!(
                error([("REGISTRY_IMMUTABLE_TAGS", wrong)]).contains("REGISTRY_IMMUTABLE_TAGS"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn sizes_of_namespaces() {
        let config = load_toml([], "[registry]\nquotas = [\"team=10GiB\", \"*=1MB\"]\n");
        let quota = |namespace: Option<&str>, bytes| Quota { namespace: namespace.map(Into::into), bytes };
        assert_eq!(config.registry.quotas, [quota(Some("team"), 10 << 30), quota(None, 1_000_000)]);
        for wrong in ["team", "team/app=1GiB", "team=much", "=1GiB", "Team=1GiB"] {
            assert!(error([("REGISTRY_QUOTAS", wrong)]).contains("REGISTRY_QUOTAS"), "{wrong}");
        }
    }
}
