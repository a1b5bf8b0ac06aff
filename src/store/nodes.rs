//! Machines: replicas of the gateway, and others that registered themselves.

use super::{Db, StoreError, StoreResult, read, write_tx};
use crate::core::{Timestamp, id::UserId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct NodeRow {
    pub id: String,
    pub url: String,
    /// Who registered it; `None` for a replica of the gateway.
    pub owner_id: Option<UserId>,
    /// A JSON document.
    pub record: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The last heartbeat.
    pub beat_at: Timestamp,
}

macro_rules! columns {
    () => {
        "id, url, owner_id, record, created_at, updated_at, beat_at"
    };
}

const LIST: &str = concat!("SELECT ", columns!(), " FROM nodes ORDER BY url");
/// Only its owner changes a node. A node whose address another one had takes it over when the owner is the same.
const PUT: &str = concat!(
    "INSERT INTO nodes (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET url = excluded.url, \
     record = excluded.record, updated_at = excluded.updated_at, beat_at = excluded.beat_at \
     WHERE nodes.owner_id = excluded.owner_id OR (nodes.owner_id IS NULL AND excluded.owner_id IS NULL)"
);
const FORGET_NAMESAKE: &str = "DELETE FROM nodes WHERE url = $1 AND id <> $2 \
     AND (owner_id = $3 OR (owner_id IS NULL AND $4 = 1))";

const DELETE: &str = "DELETE FROM nodes WHERE url = $1";
const SWEEP: &str = "DELETE FROM nodes WHERE beat_at <= $1";

impl Db {
    pub async fn nodes(&self) -> StoreResult<Vec<NodeRow>> {
        Ok(read!(self, pool => sqlx::query_as(LIST).fetch_all(pool).await)?)
    }

    /// Adds a node or renews it. False when the id or the address is somebody else's.
    pub async fn put_node(&self, node: &NodeRow) -> StoreResult<bool> {
        write_tx!(self, tx => {
            let query = sqlx::query(FORGET_NAMESAKE).bind(&node.url).bind(&node.id).bind(node.owner_id);
            query.bind(i64::from(node.owner_id.is_none())).execute(&mut *tx).await?;
            let query = sqlx::query(PUT)
                .bind(&node.id)
                .bind(&node.url)
                .bind(node.owner_id)
                .bind(&node.record)
                .bind(node.created_at)
                .bind(node.updated_at)
                .bind(node.beat_at);
            match query.execute(&mut *tx).await.map_err(|error| StoreError::or_exists(error, || node.url.clone())) {
                Ok(done) => done.rows_affected() == 1,
                Err(StoreError::Exists(_)) => {
                    tx.rollback().await?;
                    return Ok(false);
                }
                Err(other) => return Err(other),
            }
        })
    }

    /// False when there is none.
    pub async fn remove_node(&self, url: &str) -> StoreResult<bool> {
        write_tx!(self, tx => sqlx::query(DELETE).bind(url).execute(&mut *tx).await?.rows_affected() == 1)
    }

    /// Forgets nodes whose last heartbeat was at `before` or earlier.
    pub async fn sweep_nodes(&self, before: Timestamp) -> StoreResult<u64> {
        write_tx!(self, tx => sqlx::query(SWEEP).bind(before).execute(&mut *tx).await?.rows_affected())
    }
}
