//! What came to namespaces with a quota, through any replica. The number only grows.

use super::{Db, StoreResult, read, write_tx};

const TOTAL: &str = "SELECT added FROM registry_quota_bytes WHERE namespace = $1";
const ADD: &str = "INSERT INTO registry_quota_bytes (namespace, added) VALUES ($1, $2) \
     ON CONFLICT (namespace) DO UPDATE SET added = registry_quota_bytes.added + excluded.added RETURNING added";

impl Db {
    /// In bytes; 0 for a namespace to which nothing came yet.
    pub async fn registry_quota_bytes(&self, namespace: &str) -> StoreResult<i64> {
        let total: Option<i64> =
            read!(self, pool => sqlx::query_scalar(TOTAL).bind(namespace).fetch_optional(pool).await)?;
        Ok(total.unwrap_or_default())
    }

    /// Adds them, and gives the sum.
    pub async fn add_registry_quota_bytes(&self, namespace: &str, bytes: i64) -> StoreResult<i64> {
        write_tx!(self, tx => {
            let total: i64 = sqlx::query_scalar(ADD).bind(namespace).bind(bytes).fetch_one(&mut *tx).await?;
            total
        })
    }
}
