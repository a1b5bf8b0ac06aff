//! Settings of the running gateway.

use super::{Actor, Changes, Done, Refused, Scene, carry_out};
use crate::{
    core::Timestamp,
    identity::settings::{Key, Value},
    store::{AccessWrite, Db, SettingRow},
};
use serde_json::{Value as Json, json};

/// `value` is JSON as it came.
pub async fn put(
    db: &Db,
    actor: &Actor<'_>,
    now: Timestamp,
    key: &'static Key,
    value: &Json,
) -> Result<Done<Value>, Refused> {
    let value = key.read(value).map_err(|problem| Refused::field("value", problem))?;
    carry_out(db, actor, now, |scene| {
        scene.must_be_a_person()?;
        let row = SettingRow {
            key: key.name.to_owned(),
            value: value.json().to_string(),
            updated_at: now,
            updated_by: scene.caller(),
        };
        let changes = Changes::new(stored(scene, key), json!(value.json()));
        Ok((vec![AccessWrite::PutSetting(row)], Done { value, changes }))
    })
    .await
}

/// Back to the environment's value, or else the default.
pub async fn drop(
    db: &Db,
    actor: &Actor<'_>,
    now: Timestamp,
    key: &'static Key,
) -> Result<Done<()>, Refused> {
    carry_out(db, actor, now, |scene| {
        scene.must_be_a_person()?;
        let changes = Changes::removed(stored(scene, key));
        Ok((vec![AccessWrite::DropSetting(key.name.to_owned())], Done { value: (), changes }))
    })
    .await
}

fn stored(scene: &Scene<'_>, key: &Key) -> Json {
    let row = scene.rows.settings.iter().find(|row| row.key == key.name);
    row.and_then(|row| serde_json::from_str(&row.value).ok()).unwrap_or_default()
}
