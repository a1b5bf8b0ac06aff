//! Settings that may be changed while the gateway runs: what there is, and what each may be. The database is stronger
//! than `RGW_SETTING_<KEY>` in the environment, which is stronger than the rest of the configuration.

use super::reader::{Place, Reader};
use std::ops::RangeInclusive;

#[derive(Debug)]
pub struct Key {
    pub id: Id,
    pub name: &'static str,
    /// In the environment.
    pub env: &'static str,
    pub kind: Kind,
    pub meaning: &'static str,
}

/// For whoever acts on a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Id {
    StepUpWindow,
    RequireMfa,
    TrustedDeviceTtl,
    WebIdle,
    CliIdle,
    TokenMax,
    RegistryReadOnly,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Switch,
    /// A whole number.
    Number(RangeInclusive<u32>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    Switch(bool),
    Number(u32),
}

pub static KEYS: [Key; 7] = [
    Key {
        id: Id::StepUpWindow,
        name: "mfa_step_up_window_minutes",
        env: "RGW_SETTING_MFA_STEP_UP_WINDOW_MINUTES",
        kind: Kind::Number(1..=1_440),
        meaning: "How long a proof of a second factor is fresh",
    },
    Key {
        id: Id::RequireMfa,
        name: "mfa_require_all_users",
        env: "RGW_SETTING_MFA_REQUIRE_ALL_USERS",
        kind: Kind::Switch,
        meaning: "Whether everybody must enrol a second factor before anything else",
    },
    Key {
        id: Id::TrustedDeviceTtl,
        name: "mfa_trusted_device_ttl_days",
        env: "RGW_SETTING_MFA_TRUSTED_DEVICE_TTL_DAYS",
        kind: Kind::Number(1..=365),
        meaning: "How long a trusted device is trusted",
    },
    Key {
        id: Id::WebIdle,
        name: "session_timeout_minutes",
        env: "RGW_SETTING_SESSION_TIMEOUT_MINUTES",
        kind: Kind::Number(1..=43_200),
        meaning: "How long a session in the browser may lie unused",
    },
    Key {
        id: Id::CliIdle,
        name: "cli_session_timeout_hours",
        env: "RGW_SETTING_CLI_SESSION_TIMEOUT_HOURS",
        kind: Kind::Number(1..=8_760),
        meaning: "How long a session of the command line may lie unused",
    },
    Key {
        id: Id::TokenMax,
        name: "api_token_max_days",
        env: "RGW_SETTING_API_TOKEN_MAX_DAYS",
        kind: Kind::Number(1..=3_650),
        meaning: "The longest life of an API token that somebody makes through the API",
    },
    Key {
        id: Id::RegistryReadOnly,
        name: "registry_read_only",
        env: "RGW_SETTING_REGISTRY_READ_ONLY",
        kind: Kind::Switch,
        meaning: "Whether the container registry refuses every change, for example while the one behind collects garbage",
    },
];

pub fn key(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

impl Value {
    pub fn json(self) -> serde_json::Value {
        match self {
            Self::Switch(on) => on.into(),
            Self::Number(number) => number.into(),
        }
    }
}

impl Key {
    /// From JSON; the problem says what would fit.
    pub fn read(&self, value: &serde_json::Value) -> Result<Value, String> {
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        match &self.kind {
            Kind::Switch => value.as_bool().map(Value::Switch),
            Kind::Number(range) => number.filter(|number| range.contains(number)).map(Value::Number),
        }
        .ok_or_else(|| self.mend())
    }

    /// From the environment.
    fn read_text(&self, text: &str) -> Result<Value, String> {
        let text = text.trim().to_ascii_lowercase();
        let value = serde_json::from_str(&text).map_err(|_| self.mend())?;
        self.read(&value)
    }

    fn mend(&self) -> String {
        match &self.kind {
            Kind::Switch => "must be true or false".to_owned(),
            Kind::Number(range) => {
                format!("must be a whole number from {} to {}", range.start(), range.end())
            }
        }
    }
}

/// What the environment says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsConfig(Vec<(Id, Value)>);

impl SettingsConfig {
    pub fn get(&self, id: Id) -> Option<Value> {
        self.0.iter().find(|(one, _)| *one == id).map(|(_, value)| *value)
    }
}

pub(super) fn read(r: &mut Reader<'_>) -> SettingsConfig {
    let read = |key: &'static Key| {
        let value = r.optional(Place::in_environment(key.env), |text| key.read_text(text))?;
        Some((key.id, value))
    };
    SettingsConfig(KEYS.iter().filter_map(read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{errors, load};
    use serde_json::json;

    #[test]
    fn every_key_has_its_variable_and_a_name_of_its_own() {
        for one in &KEYS {
            assert_eq!(one.env, format!("RGW_SETTING_{}", one.name.to_ascii_uppercase()));
            assert_eq!(KEYS.iter().filter(|key| key.name == one.name || key.id == one.id).count(), 1);
        }
    }

    #[test]
    fn values_have_a_type_and_a_range() {
        let (window, all) =
            (key("mfa_step_up_window_minutes").unwrap(), key("mfa_require_all_users").unwrap());
        assert_eq!(window.read(&json!(1)), Ok(Value::Number(1)));
        assert_eq!(all.read(&json!(false)), Ok(Value::Switch(false)));
        for bad in
            [json!(0), json!(1441), json!(-1), json!(1.5), json!("10"), json!(true), json!(null), json!([1])]
        {
            assert_eq!(window.read(&bad).unwrap_err(), "must be a whole number from 1 to 1440", "{bad}");
        }
        assert!(all.read(&json!("true")).is_err());
    }

    #[test]
    fn the_environment_is_checked_at_the_start() {
        let config = load([
            ("RGW_SETTING_MFA_STEP_UP_WINDOW_MINUTES", " 30"),
            ("RGW_SETTING_MFA_REQUIRE_ALL_USERS", "False"),
            ("RGW_SETTING_DEPLOY_APPROVALS_ENABLED", "perhaps"),
        ]);
        assert_eq!(config.settings.get(Id::StepUpWindow), Some(Value::Number(30)));
        assert_eq!(config.settings.get(Id::RequireMfa), Some(Value::Switch(false)));
        assert_eq!(config.settings.get(Id::WebIdle), None);
        assert_eq!(
            errors([("RGW_SETTING_API_TOKEN_MAX_DAYS", "0")]),
            ["environment: RGW_SETTING_API_TOKEN_MAX_DAYS: \"0\" must be a whole number from 1 to 3650"]
        );
    }
}
