//! The database's own clock, which all replicas share.

use super::{Db, StoreResult};
use crate::core::Timestamp;

const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

impl Db {
    /// What the database's clock says; `None` when it is this machine's own.
    pub async fn now(&self) -> StoreResult<Option<Timestamp>> {
        match self {
            Self::Sqlite { .. } => Ok(None),
            Self::Postgres(pool) => {
                let micros: i64 = sqlx::query_scalar(NOW).fetch_one(pool).await?;
                Ok(Some(Timestamp::from_micros(micros)))
            }
        }
    }
}
