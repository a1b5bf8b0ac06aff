//! The one writer: takes rows from a bounded queue and commits them in groups.
//!
//! Rows that somebody waits for (intents) are committed as soon as the writer is free; the others may gather for a
//! twentieth of a second, and do not wake the writer meanwhile. When a commit fails, those who wait are told at once,
//! the rest is kept and tried again, and until a commit succeeds no new scope is opened: the gateway fails closed and
//! recovers by itself.

use crate::{
    observe::errors::{FailureKind, capture_failure},
    store::{AuditRow, Db, StoreError, StoreResult},
};
use std::{
    collections::HashSet,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, sleep, timeout, timeout_at},
};

/// The record cannot be kept now, so the request must not be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit log cannot take records now")]
pub struct AuditUnavailable;

#[derive(Clone, Copy, Debug)]
pub struct WriterOptions {
    /// Rows that may wait, those of running requests included.
    pub queue: usize,
    /// How long an intent may take to reach the disk.
    pub intent_timeout: Duration,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self { queue: 65_536, intent_timeout: Duration::from_secs(1) }
    }
}

/// Most rows of one commit.
const BATCH: usize = 4_096;
/// How long rows that nobody waits for may gather. A commit costs about the same for one row and for hundreds,
/// and a crash loses at most the outcomes of this long.
const LINGER: Duration = Duration::from_millis(50);
/// Pause between attempts while the store is away.
const RETRY: Duration = Duration::from_millis(250);
/// Longest that one commit may take before it counts as failed.
const COMMIT: Duration = Duration::from_secs(5);

/// The handle to the writer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Writer {
    queue: mpsc::Sender<Entry>,
    /// Told when somebody waits for a row.
    urgent: Arc<Notify>,
    available: Arc<AtomicBool>,
    options: WriterOptions,
}

#[derive(Debug)]
struct Entry {
    row: AuditRow,
    waiter: Option<oneshot::Sender<Result<(), AuditUnavailable>>>,
}

/// Room for one row in the queue, held from the opening of a scope to its close.
#[derive(Debug)]
pub struct Room(mpsc::OwnedPermit<Entry>);

impl Room {
    pub(super) fn fill(self, row: AuditRow) {
        self.0.send(Entry { row, waiter: None });
    }
}

impl Writer {
    /// Starts the writer task. It ends, with everything written, when all handles and rooms are gone.
    pub fn start(db: Db, options: WriterOptions) -> (Self, JoinHandle<()>) {
        let (queue, entries) = mpsc::channel(options.queue);
        let urgent = Arc::<Notify>::default();
        let available = Arc::new(AtomicBool::new(true));
        metrics::gauge!("audit_queue_capacity").set(options.queue as f64);
        metrics::gauge!("audit_available").set(1.0);
        let slow = options.intent_timeout;
        let task = Task {
            db,
            entries,
            urgent: urgent.clone(),
            available: available.clone(),
            slow,
            kept: Vec::new(),
            seen: 0,
            is_alone: false,
        };
        (Self { queue, urgent, available, options }, tokio::spawn(task.run()))
    }

    /// False also when the writer task is gone, which nothing but a mistake of ours can bring about.
    pub fn is_available(&self) -> bool {
        self.available.load(Ordering::Relaxed) && !self.queue.is_closed()
    }

    /// Room for the record of a request that begins now.
    pub fn reserve(&self) -> Result<Room, AuditUnavailable> {
        if !self.is_available() {
            return Err(AuditUnavailable);
        }
        self.queue.clone().try_reserve_owned().map(Room).map_err(|_| AuditUnavailable)
    }

    /// Returns once `row` is committed, or fails within [`WriterOptions::intent_timeout`].
    pub async fn record_durable(&self, row: AuditRow) -> Result<(), AuditUnavailable> {
        let deadline = Instant::now() + self.options.intent_timeout;
        let (waiter, committed) = oneshot::channel();
        let room = timeout_at(deadline, self.queue.reserve()).await.map_err(|_| AuditUnavailable)?;
        room.map_err(|_| AuditUnavailable)?.send(Entry { row, waiter: Some(waiter) });
        self.urgent.notify_one();
        let answer = timeout_at(deadline, committed).await.map_err(|_| AuditUnavailable)?;
        answer.unwrap_or(Err(AuditUnavailable))
    }
}

struct Task {
    db: Db,
    entries: mpsc::Receiver<Entry>,
    urgent: Arc<Notify>,
    available: Arc<AtomicBool>,
    /// A commit that takes longer is an outage while it lasts: nobody who must wait for it would.
    slow: Duration,
    /// Rows of a failed commit that still must be written.
    kept: Vec<AuditRow>,
    /// No row up to this sequence number is among those kept.
    seen: i64,
    /// The last batch followed the one before: no other replica has written since.
    is_alone: bool,
}

impl Task {
    async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        self.seen = in_time(self.db.audit_end()).await.unwrap_or_default();
        loop {
            if !self.kept.is_empty() || !self.available.load(Ordering::Relaxed) {
                self.recover().await;
                continue;
            }
            if self.entries.recv_many(&mut batch, BATCH).await == 0 {
                return;
            }
            self.linger(&mut batch).await;
            metrics::gauge!("audit_queue_depth").set(self.entries.len() as f64);
            self.commit(&mut batch).await;
        }
    }

    /// Lets rows gather, until somebody waits for one or time is up. Time it is, not each row, that wakes the writer.
    async fn linger(&mut self, batch: &mut Vec<Entry>) {
        if batch.len() < BATCH && batch.iter().all(|entry| entry.waiter.is_none()) {
            let _ = timeout(LINGER, self.urgent.notified()).await;
        }
        while batch.len() < BATCH
            && let Ok(entry) = self.entries.try_recv()
        {
            batch.push(entry);
        }
    }

    async fn commit(&mut self, batch: &mut Vec<Entry>) {
        let mut rows = Vec::with_capacity(batch.len());
        let mut waiters = Vec::new();
        for entry in batch.drain(..) {
            // Whoever stopped waiting was told "no" and did nothing: its intent would be untrue.
            if entry.waiter.as_ref().is_some_and(oneshot::Sender::is_closed) {
                continue;
            }
            waiters.extend(entry.waiter.map(|waiter| (rows.len(), waiter)));
            rows.push(entry.row);
        }
        if rows.is_empty() {
            return;
        }
        let written = self.append(&rows).await;
        let answer = if written.is_ok() { Ok(()) } else { Err(AuditUnavailable) };
        let mut refused = Vec::new();
        for (index, waiter) in waiters {
            refused.push(index);
            let _ = waiter.send(answer);
        }
        if let Err(error) = written {
            self.fail(&error);
            let mut index = 0;
            rows.retain(|_| {
                let keep = refused.binary_search(&index).is_err();
                index += 1;
                keep
            });
            self.kept.append(&mut rows);
            // The outcomes of those refused just now queue up meanwhile: that they can be written proves more than
            // a probe of one page, which may just fit a disk that is full.
            sleep(RETRY).await;
        }
    }

    /// The number behind all that has been looked at.
    const fn next(&self) -> i64 {
        self.seen.saturating_add(1)
    }

    /// Right behind the last batch in one go, or, beside others who write, wherever it is our turn.
    async fn append(&mut self, rows: &[AuditRow]) -> StoreResult<()> {
        let (db, next, is_alone) = (self.db.clone(), self.next(), self.is_alone);
        let commit = async {
            if is_alone && db.append_audit_at(next, rows).await? {
                return Ok(Some(next));
            }
            db.append_audit(rows).await.map(Some)
        };
        self.watch(rows.len(), commit).await.map(drop)
    }

    /// Right behind what was looked at, or not at all: `false` when somebody else has written meanwhile, maybe we
    /// ourselves with a statement that was given up.
    async fn append_behind_seen(&mut self, rows: &[AuditRow]) -> StoreResult<bool> {
        let (db, next) = (self.db.clone(), self.next());
        let commit = async { Ok(db.append_audit_at(next, rows).await?.then_some(next)) };
        self.watch(rows.len(), commit).await
    }

    /// Sees a commit of so many rows to its end. It gives the number of the first, or `None` when it wrote nothing.
    async fn watch(
        &mut self,
        rows: usize,
        commit: impl Future<Output = StoreResult<Option<i64>>>,
    ) -> StoreResult<bool> {
        let started = Instant::now();
        let mut commit = pin!(in_time(commit));
        let written = match timeout(self.slow, &mut commit).await {
            Ok(written) => written,
            Err(_) => {
                self.close("a commit takes too long");
                commit.await
            }
        };
        metrics::histogram!("audit_write_seconds").record(started.elapsed().as_secs_f64());
        let Some(first) = written? else { return Ok(false) };
        self.is_alone = first == self.next();
        self.seen = first.saturating_add(rows as i64 - 1);
        metrics::counter!("audit_batches_total").increment(1);
        metrics::counter!("audit_rows_total").increment(rows as u64);
        Ok(true)
    }

    fn fail(&self, error: &StoreError) {
        metrics::counter!("audit_write_failures_total").increment(1);
        self.close(&std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string));
    }

    /// No scope is opened any more, until [`Task::recover`] succeeds.
    fn close(&self, cause: &str) {
        metrics::gauge!("audit_available").set(0.0);
        if self.available.swap(false, Ordering::Relaxed) {
            tracing::error!(%cause, "the audit log cannot be written; refusing requests until it can");
            capture_failure(FailureKind::Database, "audit log", None, cause);
        }
    }

    /// One attempt to write what was kept and to prove that writing works. Those who queued meanwhile and wait
    /// are told that it does not.
    async fn recover(&mut self) {
        self.refuse_waiters();
        match self.write_kept().await {
            Ok(()) => {
                self.available.store(true, Ordering::Relaxed);
                metrics::gauge!("audit_available").set(1.0);
                tracing::info!("the audit log can be written again");
            }
            Err(error) => {
                self.fail(&error);
                sleep(RETRY).await;
            }
        }
    }

    fn refuse_waiters(&mut self) {
        while self.kept.len() < 16 * BATCH {
            let Ok(entry) = self.entries.try_recv() else { return };
            match entry.waiter {
                Some(waiter) => drop(waiter.send(Err(AuditUnavailable))),
                None => self.kept.push(entry.row),
            }
        }
    }

    async fn write_kept(&mut self) -> StoreResult<()> {
        in_time(self.db.probe_audit()).await?;
        loop {
            self.forget_what_is_there().await?;
            if self.kept.is_empty() {
                return Ok(());
            }
            let rest = self.kept.split_off(self.kept.len().min(BATCH));
            let rows = std::mem::replace(&mut self.kept, rest);
            let written = self.append_behind_seen(&rows).await;
            if !matches!(written, Ok(true)) {
                self.kept.splice(..0, rows);
            }
            written?;
        }
    }

    /// A commit whose answer was lost may have happened: rows that are there already are not written twice.
    async fn forget_what_is_there(&mut self) -> StoreResult<()> {
        loop {
            let there = in_time(self.db.audit_events_after(self.seen, BATCH as i64)).await?;
            let Some((last, ..)) = there.last() else { return Ok(()) };
            self.seen = *last;
            let there: HashSet<_> =
                there.iter().map(|(_, request, event)| (*request, event.as_str())).collect();
            self.kept.retain(|row| !there.contains(&(row.request_id, row.event)));
        }
    }
}

/// A database that does not answer is away, whatever its connections say.
async fn in_time<T>(work: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
    timeout(COMMIT, work).await.unwrap_or_else(|_| Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut)))
}
