//! Instances of services. What happens to them is written together with the event that tells of it.

use super::{
    Db, StoreResult,
    dialect::DirectoryTx as _,
    directory_events::{self, EventKind, EventRow, NEXT_REVISION},
    read, write_tx,
};
use crate::core::{Timestamp, id::UserId};

/// The record is a JSON document that the directory reads; this room does not.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct InstanceRow {
    pub id: String,
    pub slug: String,
    /// The canonical address.
    pub url: String,
    pub revision: i64,
    pub record: String,
    /// The instance's own heartbeat; zero before the first.
    pub renewed_at: Timestamp,
    pub seen_at: Timestamp,
}

/// Signs of life of one instance.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct BeatRow {
    pub instance_id: String,
    pub renewed_at: Timestamp,
    pub seen_at: Timestamp,
}

/// Whose a slug is.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SlugRow {
    pub slug: String,
    pub owner_id: UserId,
    pub owner_email: String,
    pub claimed_at: Timestamp,
}

/// One change of an instance, and what it was decided on.
#[derive(Clone, Debug)]
pub struct InstanceWrite {
    pub kind: EventKind,
    pub id: String,
    pub slug: String,
    pub url: String,
    /// The new record; of an instance that goes, its last one.
    pub record: String,
    /// The revision that the change was decided on; `None` for an instance that must not exist yet.
    pub known: Option<i64>,
    pub at: Timestamp,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is in the table, and this is the number of its event.
    At(i64),
    /// The instance is not as it was when this was decided, or its id or its address is taken.
    Overtaken,
    /// The slug is somebody else's.
    Claimed(UserId),
}

const LIST: &str = "SELECT i.id, i.slug, i.url, i.revision, i.record, b.renewed_at, b.seen_at \
     FROM instances i JOIN instance_beats b ON b.instance_id = i.id ORDER BY i.id";
const ADD: &str = "INSERT INTO instances (id, slug, url, revision, record) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT DO NOTHING";
const ADD_BEATS: &str =
    "INSERT INTO instance_beats (instance_id, renewed_at, seen_at) VALUES ($1, 0, 0) ON CONFLICT DO NOTHING";
const SET: &str = "UPDATE instances SET slug = $1, url = $2, revision = $3, record = $4 WHERE id = $5 AND revision = $6 \
     AND NOT EXISTS (SELECT 1 FROM instances o WHERE o.slug = $1 AND o.url = $2 AND o.id <> $5)";
const REMOVE: &str = "DELETE FROM instances WHERE id = $1 AND revision = $2";
const CLAIM: &str = "INSERT INTO service_slugs (slug, owner_id, owner_email, claimed_at) VALUES ($1, $2, $3, $4) \
     ON CONFLICT DO NOTHING";
const OWNER: &str = "SELECT owner_id FROM service_slugs WHERE slug = $1";
const SLUGS: &str = "SELECT slug, owner_id, owner_email, claimed_at FROM service_slugs ORDER BY slug";
const RELEASE: &str = "DELETE FROM service_slugs WHERE slug = $1 AND NOT EXISTS \
     (SELECT 1 FROM instances WHERE instances.slug = $1)";
const BEATS_SINCE: &str =
    "SELECT instance_id, renewed_at, seen_at FROM instance_beats WHERE seen_at > $1 OR renewed_at > $1";

/// Both engines run the same statements. Evaluates to the [`Written`] of one write.
macro_rules! carry_out {
    ($tx:ident, $write:expr) => {{
        let write: &InstanceWrite = $write;
        let revision: i64 = sqlx::query_scalar(NEXT_REVISION).fetch_one(&mut *$tx).await?;
        let done = match (write.kind.is_end(), write.known) {
            (true, known) => {
                sqlx::query(REMOVE).bind(&write.id).bind(known).execute(&mut *$tx).await?.rows_affected()
            }
            (false, None) => {
                let query = sqlx::query(ADD).bind(&write.id).bind(&write.slug).bind(&write.url);
                let query = query.bind(revision).bind(&write.record);
                query.execute(&mut *$tx).await?.rows_affected()
            }
            (false, Some(known)) => {
                let query = sqlx::query(SET).bind(&write.slug).bind(&write.url).bind(revision);
                let query = query.bind(&write.record).bind(&write.id).bind(known);
                query.execute(&mut *$tx).await?.rows_affected()
            }
        };
        if done == 0 {
            Written::Overtaken
        } else {
            if !write.kind.is_end() {
                sqlx::query(ADD_BEATS).bind(&write.id).execute(&mut *$tx).await?;
            }
            let event = EventRow {
                revision,
                kind: write.kind.as_str().to_owned(),
                instance_id: write.id.clone(),
                at: write.at,
                record: write.record.clone(),
            };
            directory_events::bind_event!(event).execute(&mut *$tx).await?;
            Written::At(revision)
        }
    }};
}

impl Db {
    pub async fn instances(&self) -> StoreResult<Vec<InstanceRow>> {
        Ok(read!(self, pool => sqlx::query_as(LIST).fetch_all(pool).await)?)
    }

    pub async fn slugs(&self) -> StoreResult<Vec<SlugRow>> {
        Ok(read!(self, pool => sqlx::query_as(SLUGS).fetch_all(pool).await)?)
    }

    /// Writes one change for a person. With a `claim`, the slug is theirs afterwards, or was already; when it is
    /// another's, nothing is written.
    pub async fn write_instance(
        &self,
        write: &InstanceWrite,
        claim: Option<&SlugRow>,
    ) -> StoreResult<Written> {
        write_tx!(self, tx => {
            if let Some(claim) = claim {
                let query = sqlx::query(CLAIM).bind(&claim.slug).bind(claim.owner_id);
                query.bind(&claim.owner_email).bind(claim.claimed_at).execute(&mut *tx).await?;
                let owner: UserId = sqlx::query_scalar(OWNER).bind(&claim.slug).fetch_one(&mut *tx).await?;
                if owner != claim.owner_id {
                    tx.rollback().await?;
                    return Ok(Written::Claimed(owner));
                }
            }
            match carry_out!(tx, write) {
                Written::At(revision) => {
                    tx.tell_of_events().await?;
                    Written::At(revision)
                }
                other => {
                    tx.rollback().await?;
                    return Ok(other);
                }
            }
        })
    }

    /// Writes what was found out about many. Those that were overtaken are left out; how each fared is told in
    /// their order.
    pub async fn write_findings(&self, writes: &[InstanceWrite]) -> StoreResult<Vec<Written>> {
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        write_tx!(self, tx => {
            let mut all = Vec::with_capacity(writes.len());
            for write in writes {
                all.push(carry_out!(tx, write));
            }
            tx.tell_of_events().await?;
            all
        })
    }

    /// Takes a claim away from its owner. False while there are instances.
    pub async fn release_slug(&self, slug: &str) -> StoreResult<bool> {
        write_tx!(self, tx => sqlx::query(RELEASE).bind(slug).execute(&mut *tx).await?.rows_affected() == 1)
    }

    /// Writes many signs of life at once; none moves back, and those of instances that are gone are dropped.
    pub async fn write_beats(&self, beats: &[BeatRow]) -> StoreResult<()> {
        if beats.is_empty() {
            return Ok(());
        }
        write_tx!(self, tx => tx.write_beats(beats).await?)
    }

    /// Signs of life later than `since`, as all replicas wrote them.
    pub async fn beats_since(&self, since: Timestamp) -> StoreResult<Vec<BeatRow>> {
        Ok(read!(self, pool => sqlx::query_as(BEATS_SINCE).bind(since).fetch_all(pool).await)?)
    }
}
