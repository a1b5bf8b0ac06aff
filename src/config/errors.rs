//! What a reader of the configuration is told: where the value stands, its key, the value, and the mend.

use std::{fmt, sync::Arc};

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Environment,
    CommandLine,
    /// `line` counts from 1.
    File {
        path: Arc<str>,
        line: usize,
    },
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("environment"),
            Self::CommandLine => f.write_str("command line"),
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One problem, as in `gateway.toml:12: racks.staging.url: "htp://x" is not an http(s) URL; write …`.
/// `problem` holds the value and the mend; it never holds the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {key}: {problem}")]
pub struct ConfigError {
    pub origin: Origin,
    pub key: String,
    pub problem: String,
}

/// Every problem found in one reading; never empty. `Display` writes one a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    pub(super) fn new(errors: Vec<ConfigError>) -> Self {
        Self(errors)
    }

    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.0.iter()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

const LONGEST_ECHO: usize = 80;

/// A value as it may be repeated to the reader: quoted, control characters escaped, cut to 80 characters,
/// and without the credentials of a URL.
pub(super) fn quoted(value: &str) -> String {
    let safe = without_credentials(value);
    if safe.chars().count() <= LONGEST_ECHO {
        return format!("{safe:?}");
    }
    let head: String = safe.chars().take(LONGEST_ECHO).collect();
    format!("{head:?}…")
}

/// `https://user:pass@host/x` becomes `https://[REDACTED]@host/x`. Works on text that is not a proper URL
/// too, because the error about it is just where it would leak: all up to the last `@` is dropped.
pub(super) fn without_credentials(value: &str) -> String {
    let Some((before, after)) = value.rsplit_once('@') else { return value.to_owned() };
    match before.split_once("://") {
        Some((scheme, _)) => format!("{scheme}://[REDACTED]@{after}"),
        // An e-mail address keeps its name; `user:password@host` does not.
        None if !before.contains([':', '/']) => value.to_owned(),
        None => format!("[REDACTED]@{after}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_problem_a_line() {
        let file = Origin::File { path: "gateway.toml".into(), line: 12 };
        let problem = |origin, key: &str| ConfigError { origin, key: key.into(), problem: "is bad".into() };
        let errors =
            ConfigErrors::new(vec![problem(file, "racks.a.url"), problem(Origin::Environment, "PORT")]);
        assert_eq!(errors.to_string(), "gateway.toml:12: racks.a.url: is bad\nenvironment: PORT: is bad");
    }

    #[test]
    fn echoes_leak_no_credentials() {
        for (value, shown) in [
            ("plain", r#""plain""#),
            ("a@example.com", r#""a@example.com""#),
            ("https://user:pa@ss@host/x", r#""https://[REDACTED]@host/x""#),
            ("htp//user:pass@host", r#""[REDACTED]@host""#),
            ("user:pass@host", r#""[REDACTED]@host""#),
            ("two\nlines", r#""two\nlines""#),
        ] {
            assert_eq!(quoted(value), shown);
        }
        assert_eq!(quoted(&"x".repeat(200)).chars().count(), LONGEST_ECHO + 3);
    }
}
