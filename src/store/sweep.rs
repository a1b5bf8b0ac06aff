//! Deletes what has served its time. Each is one statement that another replica may run at the same moment.

use super::{Db, StoreResult, write_tx};
use crate::core::Timestamp;

const ATTEMPTS: &str = "DELETE FROM attempts WHERE at <= $1";
/// Those that a running process still counts as good expire first.
const SESSIONS: &str = "DELETE FROM sessions WHERE expires_at <= $1 OR revoked_at <= $1";
/// Those that nobody sends any more, since their webhook is gone from the configuration, go by their age.
const DELIVERIES: &str = "DELETE FROM webhook_deliveries WHERE created_at <= $1";
const UPLOADS: &str = "DELETE FROM registry_blob_origins WHERE uploaded_at <= $1";
const MAIL: &str = "DELETE FROM mail WHERE sent_at <= $1 OR failed_at <= $1";

impl Db {
    /// Forgets failed proofs from `before` or earlier.
    pub async fn sweep_attempts(&self, before: Timestamp) -> StoreResult<u64> {
        write_tx!(self, tx => sqlx::query(ATTEMPTS).bind(before).execute(&mut *tx).await?.rows_affected())
    }

    /// Forgets sessions that ended at `before` or earlier. Nobody's rights change.
    pub async fn sweep_sessions(&self, before: Timestamp) -> StoreResult<u64> {
        write_tx!(self, tx => sqlx::query(SESSIONS).bind(before).execute(&mut *tx).await?.rows_affected())
    }

    /// Forgets what webhooks were told, or not, of what happened at `before` or earlier.
    pub async fn sweep_deliveries(&self, before: Timestamp) -> StoreResult<u64> {
        write_tx!(self, tx => sqlx::query(DELIVERIES).bind(before).execute(&mut *tx).await?.rows_affected())
    }

    /// Forgets which request brought a blob at `before` or earlier.
    pub async fn sweep_uploads(&self, before: Timestamp) -> StoreResult<u64> {
        write_tx!(self, tx => sqlx::query(UPLOADS).bind(before).execute(&mut *tx).await?.rows_affected())
    }

    /// Forgets mail that was sent or given up at `before` or earlier.
    pub async fn sweep_mail(&self, before: Timestamp) -> StoreResult<u64> {
        write_tx!(self, tx => sqlx::query(MAIL).bind(before).execute(&mut *tx).await?.rows_affected())
    }
}
