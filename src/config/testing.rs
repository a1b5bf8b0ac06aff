//! Loading from literals, for the tests of the sections.

use super::{Config, ConfigErrors, MapEnv};

pub(super) fn load<const N: usize>(env: [(&str, &str); N]) -> Config {
    Config::load(&MapEnv::from(env), None).unwrap()
}

pub(super) fn load_toml<const N: usize>(env: [(&str, &str); N], toml: &str) -> Config {
    with_file(env, toml).unwrap()
}

pub(super) fn errors<const N: usize>(env: [(&str, &str); N]) -> Vec<String> {
    lines(Config::load(&MapEnv::from(env), None))
}

/// The file is called `gateway.toml` in the errors.
pub(super) fn errors_toml<const N: usize>(env: [(&str, &str); N], toml: &str) -> Vec<String> {
    lines(with_file(env, toml))
}

/// The one error there must be.
pub(super) fn error<const N: usize>(env: [(&str, &str); N]) -> String {
    let mut errors = errors(env);
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.remove(0)
}

fn with_file<const N: usize>(env: [(&str, &str); N], toml: &str) -> Result<Config, ConfigErrors> {
    let mut errors = Vec::new();
    let file = super::TomlFile::parse("gateway.toml", toml, &mut errors);
    Config::from_sources(&MapEnv::from(env), file, errors)
}

fn lines(result: Result<Config, ConfigErrors>) -> Vec<String> {
    result.unwrap_err().iter().map(ToString::to_string).collect()
}
