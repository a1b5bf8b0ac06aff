//! Logins that failed, so that all replicas share one budget, and a restart gives none back.

use super::{Db, StoreResult, read, write_tx};
use crate::core::{Timestamp, id::AttemptId};

const KIND: &str = "login";

const FORGET: &str = "DELETE FROM attempts WHERE subject = $1 AND kind = $2 AND at <= $3";
const INSERT: &str = "INSERT INTO attempts (id, subject, kind, at) VALUES ($1, $2, $3, $4)";
const COUNT: &str = "SELECT COUNT(*) FROM attempts WHERE subject = $1 AND kind = $2 AND at > $3";

impl Db {
    /// Notes a failure of each subject, and forgets those up to `since`.
    pub async fn note_login_failure(
        &self,
        subjects: &[String],
        since: Timestamp,
        now: Timestamp,
    ) -> StoreResult<()> {
        write_tx!(self, tx => {
            for subject in subjects {
                sqlx::query(FORGET).bind(subject).bind(KIND).bind(since).execute(&mut *tx).await?;
                let id = AttemptId::new(now);
                sqlx::query(INSERT).bind(id).bind(subject).bind(KIND).bind(now).execute(&mut *tx).await?;
            }
        })
    }

    /// How often it failed after `since`.
    pub async fn login_failures(&self, subject: &str, since: Timestamp) -> StoreResult<i64> {
        Ok(read!(self, pool => {
            sqlx::query_scalar(COUNT).bind(subject).bind(KIND).bind(since).fetch_one(pool).await
        })?)
    }
}
