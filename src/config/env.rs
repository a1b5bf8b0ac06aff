//! The environment behind a trait, so that no test has to touch the real one.

use std::{collections::BTreeMap, env, fmt};

pub trait Env {
    /// The value of `name`, or `None` when it is not set. Bytes that are not UTF-8 come as U+FFFD, which the
    /// loader refuses.
    fn get(&self, name: &str) -> Option<String>;

    /// Every name that is set; it serves to find misspelt ones.
    fn names(&self) -> Vec<String>;
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnv;

impl Env for ProcessEnv {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    fn get(&self, name: &str) -> Option<String> {
        match env::var(name) {
            Ok(value) => Some(value),
            Err(env::VarError::NotUnicode(bytes)) => Some(bytes.to_string_lossy().into_owned()),
            Err(env::VarError::NotPresent) => None,
        }
    }

    fn names(&self) -> Vec<String> {
        env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect()
    }
}

/// An environment made of a map, for tests and for the demo. `Debug` prints the names only.
#[derive(Clone, Default)]
pub struct MapEnv(BTreeMap<String, String>);

impl MapEnv {
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }
}

impl<K: Into<String>, V: Into<String>, const N: usize> From<[(K, V); N]> for MapEnv {
    fn from(pairs: [(K, V); N]) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl Env for MapEnv {
    fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

impl fmt::Debug for MapEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_has_a_path() {
        assert!(ProcessEnv.names().iter().any(|name| name == "PATH"));
        assert!(ProcessEnv.get("PATH").is_some_and(|path| !path.is_empty()));
        assert_eq!(ProcessEnv.get("NO_SUCH_VARIABLE_HERE"), None);
    }

    #[test]
    fn debug_of_a_map_keeps_the_values_to_itself() {
        let env = MapEnv::from([("RACK_TOKEN", "hunter2")]).with("RACK", "prod");
        assert_eq!(format!("{env:?}"), r#"{"RACK", "RACK_TOKEN"}"#);
        assert_eq!(env.get("RACK").as_deref(), Some("prod"));
    }
}
