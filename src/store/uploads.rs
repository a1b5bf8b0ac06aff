//! Which request brought a blob into a repository.

use super::{Db, StoreResult, read, write_tx};
use crate::core::{Timestamp, id::RequestId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct UploadRow {
    pub digest: String,
    pub request_id: RequestId,
}

/// What is pushed again came by the later request.
const NOTE: &str = "INSERT INTO registry_blob_origins (repository, digest, request_id, uploaded_at) \
     VALUES ($1, $2, $3, $4) ON CONFLICT (repository, digest) \
     DO UPDATE SET request_id = excluded.request_id, uploaded_at = excluded.uploaded_at";
const FIND: &str =
    "SELECT digest, request_id FROM registry_blob_origins WHERE repository = $1 AND digest = $2";

impl Db {
    pub async fn note_upload(
        &self,
        repository: &str,
        digest: &str,
        request_id: RequestId,
        now: Timestamp,
    ) -> StoreResult<()> {
        write_tx!(self, tx => {
            sqlx::query(NOTE)
                .bind(repository)
                .bind(digest)
                .bind(request_id)
                .bind(now)
                .execute(&mut *tx)
                .await?;
        })
    }

    /// Of those that are known, in the order of `digests`.
    pub async fn uploads_of(&self, repository: &str, digests: &[String]) -> StoreResult<Vec<UploadRow>> {
        let mut found = Vec::new();
        for digest in digests {
            let row: Option<UploadRow> = read!(self, pool => {
                sqlx::query_as(FIND).bind(repository).bind(digest).fetch_optional(pool).await
            })?;
            found.extend(row);
        }
        Ok(found)
    }
}
