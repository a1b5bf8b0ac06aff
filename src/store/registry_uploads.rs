//! Uploads to a registry elsewhere: our name for each, whose it is, and where it goes on.

use super::{Db, StoreResult, read, write_tx};
use crate::core::{Timestamp, id::UploadId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RegistryUploadRow {
    pub id: UploadId,
    pub repository: String,
    /// Who began it.
    pub subject: Option<String>,
    /// Path and query at the registry behind.
    pub place: String,
    /// Bytes that it has taken.
    pub received: i64,
    pub created_at: Timestamp,
    pub touched_at: Timestamp,
}

const INSERT: &str = "INSERT INTO registry_uploads (id, repository, subject, place, received, created_at, touched_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";
const FIND: &str = "SELECT id, repository, subject, place, received, created_at, touched_at FROM registry_uploads \
     WHERE id = $1";
const MOVE: &str = "UPDATE registry_uploads SET place = $2, received = $3, touched_at = $4 WHERE id = $1";
const DELETE: &str = "DELETE FROM registry_uploads WHERE id = $1";
const SWEEP: &str = "DELETE FROM registry_uploads WHERE touched_at <= $1";

impl Db {
    pub async fn add_registry_upload(&self, row: &RegistryUploadRow) -> StoreResult<()> {
        write_tx!(self, tx => {
            let insert = sqlx::query(INSERT).bind(row.id).bind(&row.repository).bind(&row.subject).bind(&row.place);
            insert.bind(row.received).bind(row.created_at).bind(row.touched_at).execute(&mut *tx).await?;
        })
    }

    pub async fn registry_upload(&self, id: UploadId) -> StoreResult<Option<RegistryUploadRow>> {
        read!(self, pool => Ok(sqlx::query_as(FIND).bind(id).fetch_optional(pool).await?))
    }

    /// Notes how far it has come, and where it goes on.
    pub async fn move_registry_upload(&self, row: &RegistryUploadRow) -> StoreResult<()> {
        write_tx!(self, tx => {
            let change = sqlx::query(MOVE).bind(row.id).bind(&row.place).bind(row.received);
            change.bind(row.touched_at).execute(&mut *tx).await?;
        })
    }

    pub async fn delete_registry_upload(&self, id: UploadId) -> StoreResult<()> {
        write_tx!(self, tx => {
            sqlx::query(DELETE).bind(id).execute(&mut *tx).await?;
        })
    }

    /// Forgets uploads that were last touched at `before` or earlier.
    pub async fn sweep_registry_uploads(&self, before: Timestamp) -> StoreResult<u64> {
        write_tx!(self, tx => sqlx::query(SWEEP).bind(before).execute(&mut *tx).await?.rows_affected())
    }
}
