//! Keeps the snapshot in step with the database: events are read in order and applied, signs of life are collected and
//! written in batches.

use super::{
    Directory, Event, Instance, InstanceId, Snapshot, history::KEPT, instance::Beat,
    preservation::Preservation,
};
use crate::{
    core::{SharedClock, Timestamp},
    observe::metrics::catalogue::{REGISTRY_BEAT_BATCHES, REGISTRY_BEATS_WRITTEN},
    store::{BeatRow, Db, EventKind, EventRow, InstanceRow, StoreError, StoreResult},
};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How often the database is asked for events that nobody told of.
const POLL: Duration = Duration::from_millis(500);
/// How long one look at the database may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Events of one read.
const BATCH: i64 = 1_000;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Keeper {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    db: Db,
    clock: SharedClock,
    directory: Directory,
    preservation: Preservation,
    /// Held while events are applied, so that they are applied once and in order.
    turn: tokio::sync::Mutex<()>,
    /// Instances with signs of life that are not written yet.
    unwritten: Mutex<HashSet<InstanceId>>,
}

impl Keeper {
    /// Reads all that is registered.
    pub async fn load(db: Db, clock: SharedClock, preservation: Preservation) -> StoreResult<Self> {
        let directory = Directory::empty();
        let inner = Inner {
            db,
            clock,
            directory,
            preservation,
            turn: tokio::sync::Mutex::default(),
            unwritten: Mutex::default(),
        };
        let keeper = Self { inner: Arc::new(inner) };
        keeper.reload().await?;
        Ok(keeper)
    }

    pub fn directory(&self) -> &Directory {
        &self.inner.directory
    }

    pub(super) fn db(&self) -> &Db {
        &self.inner.db
    }

    pub(super) fn clock(&self) -> &SharedClock {
        &self.inner.clock
    }

    /// Applies what is new in the database.
    pub async fn catch_up(&self) -> StoreResult<()> {
        let _turn = self.inner.turn.lock().await;
        self.apply_news().await
    }

    /// The same, unless the event `index` is known already: of many who wait, one reads for all.
    pub(super) async fn catch_up_to(&self, index: u64) -> StoreResult<()> {
        if self.directory().snapshot().index >= index {
            return Ok(());
        }
        let _turn = self.inner.turn.lock().await;
        if self.directory().snapshot().index >= index {
            return Ok(());
        }
        self.apply_news().await
    }

    async fn apply_news(&self) -> StoreResult<()> {
        loop {
            let now = self.inner.clock.now();
            let head = self.inner.db.directory_head().await?;
            let known = self.directory().snapshot().index;
            let (revision, forgotten) = (head.revision.unsigned_abs(), head.forgotten.unsigned_abs());
            if revision == known {
                self.directory().confirm(now);
                return Ok(());
            }
            if revision < known || forgotten > known {
                // Another database, or away for longer than events are kept.
                return self.reload().await;
            }
            let rows = self.inner.db.directory_events(known.cast_signed(), BATCH).await?;
            let is_all = (rows.len() as i64) < BATCH;
            let last = rows.last().map_or(known, |row| row.revision.unsigned_abs());
            self.apply(rows, if is_all { last.max(revision) } else { last }, now);
            if is_all {
                return Ok(());
            }
        }
    }

    fn apply(&self, rows: Vec<EventRow>, index: u64, now: Timestamp) {
        let before = self.directory().snapshot();
        let mut changed: HashMap<InstanceId, Option<Arc<Instance>>> = HashMap::new();
        let mut events = Vec::with_capacity(rows.len());
        for row in rows {
            let known = InstanceId::parse(&row.instance_id)
                .and_then(|id| changed.get(&id).cloned().unwrap_or_else(|| before.instance(&id).cloned()));
            let Some((kind, instance)) = read_event(&row, known.as_deref()) else { continue };
            let is_newer = known.as_ref().is_none_or(|known| instance.revision >= known.revision);
            let instance = Arc::new(instance);
            if is_newer {
                changed.insert(instance.id.clone(), (!kind.is_end()).then(|| instance.clone()));
            }
            events.push(Arc::new(Event { index: instance.revision, kind, at: row.at, instance }));
        }
        let after = before.with(index, now, &changed);
        let preserved = self.inner.preservation.of(after.instances(), now);
        self.directory().publish(after.preserving(&preserved), events);
    }

    /// Looks again at who is preserved; time alone may end it.
    pub(super) fn review_preservation(&self, now: Timestamp) -> HashSet<String> {
        let snapshot = self.directory().snapshot();
        let preserved = self.inner.preservation.of(snapshot.instances(), now);
        let is_so: HashSet<String> = snapshot
            .services()
            .filter(|service| service.preserved)
            .map(|service| service.slug.clone())
            .collect();
        if is_so != preserved {
            self.directory().amend(|snapshot| snapshot.preserving(&preserved));
        }
        preserved
    }

    async fn reload(&self) -> StoreResult<()> {
        let now = self.inner.clock.now();
        // The head first: what is written meanwhile comes as an event again.
        let head = self.inner.db.directory_head().await?;
        let rows = self.inner.db.instances().await?;
        let before = self.directory().snapshot();
        let mut instances = Vec::with_capacity(rows.len());
        for row in rows {
            match read_row(&row) {
                Ok(mut instance) => {
                    if let Some(known) = before.instance(&instance.id) {
                        instance.beat = known.beat.clone();
                    }
                    note(&instance.beat, row.renewed_at, row.seen_at);
                    instances.push(Arc::new(instance));
                }
                Err(error) => tracing::error!(%error, "an instance is left out"),
            }
        }
        let index = head.revision.unsigned_abs();
        let kept_from = index.saturating_sub(KEPT as u64).max(head.forgotten.unsigned_abs());
        let rows = self.inner.db.directory_events(kept_from.cast_signed(), KEPT as i64).await?;
        let events = rows.iter().filter_map(|row| {
            let (kind, instance) = read_event(row, None).filter(|(_, one)| one.revision <= index)?;
            Some(Arc::new(Event { index: instance.revision, kind, at: row.at, instance: Arc::new(instance) }))
        });
        let snapshot = Snapshot::new(index, now, instances);
        let preserved = self.inner.preservation.of(snapshot.instances(), now);
        self.directory().begin(snapshot.preserving(&preserved), kept_from, events.collect());
        Ok(())
    }

    /// Notes a heartbeat here and now; others learn of it with the next batch.
    pub(super) fn renew(&self, instance: &Instance, at: Timestamp) {
        instance.beat.renew(at);
        self.unwritten().insert(instance.id.clone());
    }

    /// Notes that a check found it alive.
    pub(super) fn see(&self, instance: &Instance, at: Timestamp) {
        instance.beat.see(at);
        self.unwritten().insert(instance.id.clone());
    }

    fn unwritten(&self) -> std::sync::MutexGuard<'_, HashSet<InstanceId>> {
        self.inner.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the signs of life that came since the last time, as one batch. They are kept when that fails.
    pub async fn flush_beats(&self) -> StoreResult<()> {
        let ids = std::mem::take(&mut *self.unwritten());
        let snapshot = self.directory().snapshot();
        let rows: Vec<BeatRow> = ids
            .iter()
            .filter_map(|id| {
                let beat = &snapshot.instance(id)?.beat;
                Some(BeatRow {
                    instance_id: id.to_string(),
                    renewed_at: beat.renewed().unwrap_or_default(),
                    seen_at: beat.seen().unwrap_or_default(),
                })
            })
            .collect();
        let written = self.inner.db.write_beats(&rows).await;
        match &written {
            Ok(()) if rows.is_empty() => {}
            Ok(()) => {
                metrics::counter!(REGISTRY_BEAT_BATCHES).increment(1);
                metrics::counter!(REGISTRY_BEATS_WRITTEN).increment(rows.len() as u64);
            }
            Err(_) => self.unwritten().extend(ids),
        }
        written
    }

    /// Takes over the signs of life that other replicas wrote since `since`.
    pub(super) async fn read_beats(&self, since: Timestamp) -> StoreResult<()> {
        let snapshot = self.directory().snapshot();
        for row in self.inner.db.beats_since(since).await? {
            let found = InstanceId::parse(&row.instance_id).and_then(|id| snapshot.instance(&id).cloned());
            if let Some(instance) = found {
                note(&instance.beat, row.renewed_at, row.seen_at);
            }
        }
        Ok(())
    }

    /// Follows the events until `stop`. What fails is tried again; meanwhile the last snapshot serves and grows
    /// stale.
    pub async fn keep_following(self, stop: CancellationToken) {
        let mut away = false;
        while !stop.is_cancelled() {
            let Some(outcome) = stop.run_until_cancelled(Box::pin(self.follow())).await else { return };
            if let Err(error) = outcome
                && !away
            {
                away = true;
                tracing::warn!(%error, "the directory cannot be read; the last state serves on");
            }
            // Without the notifications, too.
            let looked = stop.run_until_cancelled(tokio::time::timeout(PATIENCE, self.catch_up())).await;
            if matches!(looked, Some(Ok(Ok(())))) && away {
                away = false;
                tracing::info!("the directory is read again");
            }
            stop.run_until_cancelled(tokio::time::sleep(POLL)).await;
        }
    }

    /// Catches up at each notification and at each turn of the clock, until something goes wrong.
    async fn follow(&self) -> StoreResult<()> {
        let late = |_| StoreError::Open("the database is too slow".to_owned());
        let listening = tokio::time::timeout(PATIENCE, self.inner.db.directory_news());
        let mut news = listening.await.map_err(late)??;
        loop {
            tokio::time::timeout(PATIENCE, self.catch_up()).await.map_err(late)??;
            tokio::select! {
                told = news.next() => told?,
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }
}

fn note(beat: &Beat, renewed: Timestamp, seen: Timestamp) {
    beat.renew(renewed);
    beat.see(seen);
}

fn read_row(row: &InstanceRow) -> StoreResult<Instance> {
    let mut instance: Instance = serde_json::from_str(&row.record).map_err(|error| {
        StoreError::Unreadable { what: format!("the instance {}", row.id), why: error.to_string() }
    })?;
    instance.revision = row.revision.unsigned_abs();
    Ok(instance)
}

/// The event and its instance, which shares its signs of life with the one that is known.
fn read_event(row: &EventRow, known: Option<&Instance>) -> Option<(EventKind, Instance)> {
    let kind = EventKind::parse(&row.kind);
    let instance = serde_json::from_str::<Instance>(&row.record);
    let (Some(kind), Ok(mut instance)) = (kind, instance) else {
        tracing::error!(event = row.revision, "an event of the directory cannot be read and is left out");
        return None;
    };
    instance.revision = row.revision.unsigned_abs();
    if let Some(known) = known {
        instance.beat = known.beat.clone();
    }
    Some((kind, instance))
}
