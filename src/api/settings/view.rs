//! A setting as the API shows it.

use super::super::ApiError;
use crate::{
    config::settings::Kind,
    core::Timestamp,
    identity::settings::{KEYS, Key, Settings, key, stored},
    store::SettingRow,
};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct SettingView {
    key: &'static str,
    #[schema(value_type = Object)]
    value: serde_json::Value,
    /// What is in force when nobody sets it here: from the configuration, or the default.
    #[schema(value_type = Object)]
    configured: serde_json::Value,
    /// `database` or `configuration`.
    source: &'static str,
    meaning: &'static str,
    /// In the environment.
    variable: &'static str,
    /// `switch` or `number`.
    kind: &'static str,
    min: Option<u32>,
    max: Option<u32>,
    updated_at: Option<Timestamp>,
}

impl SettingView {
    pub fn of(key: &Key, defaults: &Settings, rows: &[SettingRow]) -> Self {
        let (configured, set) = (defaults.value(key), stored(key, rows));
        let (kind, range) = match &key.kind {
            Kind::Switch => ("switch", None),
            Kind::Number(range) => ("number", Some(range)),
        };
        let row = rows.iter().find(|row| row.key == key.name);
        Self {
            key: key.name,
            value: set.unwrap_or(configured).json(),
            configured: configured.json(),
            source: if set.is_some() { "database" } else { "configuration" },
            meaning: key.meaning,
            variable: key.env,
            kind,
            min: range.map(|range| *range.start()),
            max: range.map(|range| *range.end()),
            updated_at: row.map(|row| row.updated_at),
        }
    }
}

pub fn known(name: &str) -> Result<&'static Key, ApiError> {
    let names: Vec<_> = KEYS.iter().map(|key| key.name).collect();
    let name_cut: String = name.chars().take(60).collect();
    key(name)
        .ok_or_else(|| ApiError::not_found(format!("setting {name_cut}; there are {}", names.join(", "))))
}
