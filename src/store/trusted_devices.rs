//! Browsers that a person trusts for a while. Only the SHA-256 of the cookie is kept.

use super::{Db, StoreError, StoreResult, read, write_tx};
use crate::core::{
    Timestamp,
    id::{DeviceId, UserId},
};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct DeviceRow {
    pub id: DeviceId,
    pub user_id: UserId,
    pub hash: Vec<u8>,
    pub label: String,
    pub ip: String,
    pub user_agent: String,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

const INSERT: &str = "INSERT INTO trusted_devices (id, user_id, hash, label, ip, user_agent, created_at, expires_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const LIVE: &str = "SELECT id, user_id, hash, label, ip, user_agent, created_at, last_used_at, expires_at, revoked_at \
     FROM trusted_devices WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY created_at, id";
const USE: &str = "UPDATE trusted_devices SET last_used_at = $1 \
     WHERE hash = $2 AND user_id = $3 AND revoked_at IS NULL AND expires_at > $1";
const REVOKE: &str =
    "UPDATE trusted_devices SET revoked_at = $1 WHERE id = $2 AND user_id = $3 AND revoked_at IS NULL";
/// Those that ended before a time give nothing and are only carried along.
const SWEEP: &str = "DELETE FROM trusted_devices WHERE expires_at <= $1";

impl Db {
    pub async fn add_trusted_device(&self, device: &DeviceRow) -> StoreResult<()> {
        write_tx!(self, tx => {
            sqlx::query(SWEEP).bind(device.created_at).execute(&mut *tx).await?;
            sqlx::query(INSERT)
                .bind(device.id)
                .bind(device.user_id)
                .bind(&device.hash)
                .bind(&device.label)
                .bind(&device.ip)
                .bind(&device.user_agent)
                .bind(device.created_at)
                .bind(device.expires_at)
                .execute(&mut *tx)
                .await?;
        })
    }

    /// Those that are still trusted.
    pub async fn trusted_devices_of(&self, user: UserId, now: Timestamp) -> StoreResult<Vec<DeviceRow>> {
        Ok(read!(self, pool => sqlx::query_as(LIVE).bind(user).bind(now).fetch_all(pool).await)?)
    }

    /// Whether the person trusts the device with this cookie; notes the use.
    pub async fn use_trusted_device(&self, user: UserId, hash: &[u8], now: Timestamp) -> StoreResult<bool> {
        write_tx!(self, tx => {
            sqlx::query(USE).bind(now).bind(hash).bind(user).execute(&mut *tx).await?.rows_affected() == 1
        })
    }

    pub async fn revoke_trusted_device(&self, user: UserId, id: DeviceId, now: Timestamp) -> StoreResult<()> {
        write_tx!(self, tx => {
            let done = sqlx::query(REVOKE).bind(now).bind(id).bind(user).execute(&mut *tx).await?;
            if done.rows_affected() == 0 {
                return Err(StoreError::NotFound(format!("the trusted device {id}")));
            }
        })
    }
}
