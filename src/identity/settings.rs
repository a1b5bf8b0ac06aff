//! Settings as they are in force: the configuration's, with what the database says on top. They travel with the
//! access snapshot, so that a change reaches every replica as fast as a change of rights.

use super::session::IdleLimits;
pub use crate::config::settings::{KEYS, Key, Value, key};
use crate::{
    config::settings::{Id, SettingsConfig},
    store::SettingRow,
};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a proof of a second factor is fresh.
    pub step_up_window: Duration,
    /// Whether everybody must enrol a second factor before anything else.
    pub mfa_require_all_users: bool,
    pub trusted_device_ttl: Duration,
    pub idle: IdleLimits,
    /// The longest life of a token that is made through the API.
    pub api_token_max: Duration,
    /// Whether images can be pulled and nothing else.
    pub registry_read_only: bool,
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

impl Default for Settings {
    fn default() -> Self {
        Self {
            step_up_window: Duration::from_secs(10 * MINUTE),
            mfa_require_all_users: true,
            trusted_device_ttl: Duration::from_secs(30 * DAY),
            idle: IdleLimits::default(),
            api_token_max: Duration::from_secs(365 * DAY),
            registry_read_only: false,
        }
    }
}

impl From<IdleLimits> for Settings {
    fn from(idle: IdleLimits) -> Self {
        Self { idle, ..Self::default() }
    }
}

impl Settings {
    /// With what the environment says in `RGW_SETTING_<KEY>`.
    #[must_use]
    pub fn configured(self, config: &SettingsConfig) -> Self {
        let given = KEYS.iter().filter_map(|key| Some((key, config.get(key.id)?)));
        given.fold(self, |settings, (key, value)| settings.set(key, value))
    }

    /// With what the database says. A value that this version cannot read counts as not there.
    #[must_use]
    pub fn with(self, rows: &[SettingRow]) -> Self {
        KEYS.iter()
            .filter_map(|key| Some((key, stored(key, rows)?)))
            .fold(self, |settings, (key, value)| settings.set(key, value))
    }

    fn set(mut self, key: &Key, value: Value) -> Self {
        let seconds = |unit: u64| match value {
            Value::Number(count) => Duration::from_secs(u64::from(count) * unit),
            Value::Switch(_) => Duration::ZERO,
        };
        match key.id {
            Id::StepUpWindow => self.step_up_window = seconds(MINUTE),
            Id::RequireMfa => self.mfa_require_all_users = value == Value::Switch(true),
            Id::TrustedDeviceTtl => self.trusted_device_ttl = seconds(DAY),
            Id::WebIdle => self.idle.web = seconds(MINUTE),
            Id::CliIdle => self.idle.cli = seconds(HOUR),
            Id::TokenMax => self.api_token_max = seconds(DAY),
            Id::RegistryReadOnly => self.registry_read_only = value == Value::Switch(true),
        }
        self
    }

    /// In the unit of the key; what the configuration says more finely is rounded up.
    pub fn value(&self, key: &Key) -> Value {
        let count = |span: Duration, unit: u64| {
            Value::Number(u32::try_from(span.as_secs().div_ceil(unit)).unwrap_or(u32::MAX))
        };
        match key.id {
            Id::StepUpWindow => count(self.step_up_window, MINUTE),
            Id::RequireMfa => Value::Switch(self.mfa_require_all_users),
            Id::TrustedDeviceTtl => count(self.trusted_device_ttl, DAY),
            Id::WebIdle => count(self.idle.web, MINUTE),
            Id::CliIdle => count(self.idle.cli, HOUR),
            Id::TokenMax => count(self.api_token_max, DAY),
            Id::RegistryReadOnly => Value::Switch(self.registry_read_only),
        }
    }
}

/// What the database says of a key, if it says something.
pub fn stored(key: &Key, rows: &[SettingRow]) -> Option<Value> {
    let row = rows.iter().find(|row| row.key == key.name)?;
    let value = serde_json::from_str(&row.value).ok()?;
    let read = key.read(&value);
    if read.is_err() {
        tracing::warn!(key = key.name, "a setting in the database cannot be read; the default is in force");
    }
    read.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Timestamp;

    fn row(key: &str, value: &str) -> SettingRow {
        let updated_at = Timestamp::from_micros(1);
        SettingRow { key: key.to_owned(), value: value.to_owned(), updated_at, updated_by: None }
    }

    #[test]
    fn the_database_is_stronger_and_nonsense_in_it_is_not() {
        let rows = [
            row("mfa_step_up_window_minutes", "25"),
            row("mfa_require_all_users", "false"),
            row("session_timeout_minutes", "\"soon\""),
            row("from_the_future", "1"),
        ];
        let settings = Settings::default().with(&rows);
        assert_eq!(settings.step_up_window, Duration::from_secs(25 * 60));
        assert!(!settings.mfa_require_all_users);
        assert_eq!(settings.idle, IdleLimits::default());
    }

    #[test]
    fn each_key_sets_what_it_shows() {
        for key in &KEYS {
            let (before, wanted) = match Settings::default().value(key) {
                Value::Switch(on) => (Value::Switch(on), Value::Switch(!on)),
                Value::Number(count) => (Value::Number(count), Value::Number(count + 1)),
            };
            let after = Settings::default().set(key, wanted);
            assert_eq!((Settings::default().value(key), after.value(key)), (before, wanted), "{}", key.name);
            let others = KEYS.iter().filter(|other| other.id != key.id);
            assert!(others.into_iter().all(|other| after.value(other) == Settings::default().value(other)));
        }
    }
}
