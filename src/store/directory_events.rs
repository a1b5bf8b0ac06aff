//! What happened to instances, in order. Numbers are taken from one row that every writer waits for, so an event that
//! is visible has no earlier one still to come. Numbers may be missing where a write was overtaken.

use super::{Db, StoreResult, read, write_tx};
use crate::core::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    Registered,
    Updated,
    Status,
    /// Removed by nobody: it failed for too long.
    Expired,
    Removed,
}

impl EventKind {
    pub const ALL: [Self; 5] = [Self::Registered, Self::Updated, Self::Status, Self::Expired, Self::Removed];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Updated => "updated",
            Self::Status => "status",
            Self::Expired => "expired",
            Self::Removed => "removed",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether the instance is gone afterwards.
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Expired | Self::Removed)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct EventRow {
    pub revision: i64,
    pub kind: String,
    pub instance_id: String,
    pub at: Timestamp,
    pub record: String,
}

/// Where the history stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct DirectoryHead {
    /// The last event.
    pub revision: i64,
    /// The last event that is no longer kept.
    pub forgotten: i64,
}

pub(super) const NEXT_REVISION: &str =
    "UPDATE directory_head SET revision = revision + 1 WHERE id = 1 RETURNING revision";
pub(super) const INSERT: &str =
    "INSERT INTO directory_events (revision, kind, instance_id, at, record) VALUES ($1, $2, $3, $4, $5)";
const HEAD: &str = "SELECT revision, forgotten FROM directory_head WHERE id = 1";
const SINCE: &str = "SELECT revision, kind, instance_id, at, record FROM directory_events WHERE revision > $1 \
     ORDER BY revision LIMIT $2";
const FORGET_UP_TO: &str = "UPDATE directory_head SET forgotten = CASE WHEN revision - $1 > forgotten \
     THEN revision - $1 ELSE forgotten END WHERE id = 1 RETURNING forgotten";
const FORGET: &str = "DELETE FROM directory_events WHERE revision <= $1";

macro_rules! bind_event {
    ($event:expr) => {
        sqlx::query(crate::store::directory_events::INSERT)
            .bind($event.revision)
            .bind($event.kind)
            .bind($event.instance_id)
            .bind($event.at)
            .bind($event.record)
    };
}

pub(super) use bind_event;

impl Db {
    pub async fn directory_head(&self) -> StoreResult<DirectoryHead> {
        Ok(read!(self, pool => sqlx::query_as(HEAD).fetch_one(pool).await)?)
    }

    /// At most `limit` events after `revision`, in order.
    pub async fn directory_events(&self, revision: i64, limit: i64) -> StoreResult<Vec<EventRow>> {
        Ok(read!(self, pool => sqlx::query_as(SINCE).bind(revision).bind(limit).fetch_all(pool).await)?)
    }

    /// Keeps the last `kept` numbers and forgets what is older.
    pub async fn forget_events(&self, kept: i64) -> StoreResult<u64> {
        write_tx!(self, tx => {
            let up_to: i64 = sqlx::query_scalar(FORGET_UP_TO).bind(kept).fetch_one(&mut *tx).await?;
            sqlx::query(FORGET).bind(up_to).execute(&mut *tx).await?.rows_affected()
        })
    }
}
