//! Settings that are changed while the gateway runs. What each means is known in `identity::settings`.

use super::{Db, StoreResult, read};
use crate::core::{Timestamp, id::UserId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SettingRow {
    pub key: String,
    /// JSON.
    pub value: String,
    pub updated_at: Timestamp,
    /// `None` when it was set on the machine itself.
    pub updated_by: Option<UserId>,
}

pub(super) const LIST: &str = "SELECT key, value, updated_at, updated_by FROM settings ORDER BY key";
pub(super) const PUT: &str = "INSERT INTO settings (key, value, updated_at, updated_by) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at, \
     updated_by = excluded.updated_by";
pub(super) const DROP: &str = "DELETE FROM settings WHERE key = $1";

impl Db {
    pub async fn settings(&self) -> StoreResult<Vec<SettingRow>> {
        Ok(read!(self, pool => sqlx::query_as(LIST).fetch_all(pool).await)?)
    }
}
