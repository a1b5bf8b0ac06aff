//! How much a namespace, the first part of a repository's name, may hold. What it holds is counted at the backend from
//! time to time; what comes in between is added: here while it comes, and in the database that replicas share when it has
//! come. Before something is refused, it is counted anew, for what was deleted or was there already does not count.

use crate::{
    config::Quota,
    registry::{
        backend::{Backend, Body, BoxError},
        error::{ErrorCode, Problem, Result},
        model::RepositoryName,
    },
    store::Db,
};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{sync::Mutex as AsyncMutex, time::Instant};

/// For how long a count is good.
const LIFE: Duration = Duration::from_secs(300);
/// A count that is younger is not worth another before a refusal.
const FRESH: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub struct Quotas {
    limits: HashMap<String, u64>,
    /// Of each namespace that is not named.
    others: Option<u64>,
    /// Where replicas tell each other what came; `None` for one that is alone.
    shared: Option<Db>,
    counts: Mutex<HashMap<String, Arc<Count>>>,
}

#[derive(Debug, Default)]
struct Count {
    /// When the last count was, and how much had ever come by then; held while one goes on.
    last: AsyncMutex<Option<(Instant, i64)>>,
    counted: AtomicU64,
    /// Bytes that came since, through any replica, as far as they stand in the database.
    told: AtomicU64,
    /// Bytes that came since and do not stand there.
    added: AtomicU64,
    /// Bytes that came since and could not be told; the next count has them.
    untold: AtomicU64,
}

/// What a request may still store.
#[derive(Debug)]
pub struct Room {
    namespace: String,
    limit: u64,
    count: Arc<Count>,
    shared: Option<Db>,
}

impl Quotas {
    pub fn of(quotas: &[Quota]) -> Self {
        let (mut limits, mut others) = (HashMap::new(), None);
        for quota in quotas {
            match &quota.namespace {
                Some(namespace) => drop(limits.insert(namespace.clone(), quota.bytes)),
                None => others = Some(quota.bytes),
            }
        }
        Self { limits, others, shared: None, counts: Mutex::default() }
    }

    /// Counts what comes through other processes, too, that share the database.
    #[must_use]
    pub fn shared(self, db: Db) -> Self {
        Self { shared: Some(db), ..self }
    }

    /// `None` when there is no quota; refused when `least` bytes do not fit.
    pub(super) async fn room(
        &self,
        backend: &dyn Backend,
        repository: &RepositoryName,
        least: u64,
    ) -> Result<Option<Room>> {
        let namespace = repository.as_str().split('/').next().unwrap_or_default();
        let Some(limit) = self.limits.get(namespace).copied().or(self.others) else { return Ok(None) };
        let count = self.count(namespace);
        let shared = self.shared.as_ref();
        let mut held = count.bytes(backend, namespace, shared, LIFE).await?;
        if held.saturating_add(least) > limit {
            held = count.bytes(backend, namespace, shared, FRESH).await?;
        }
        if held.saturating_add(least) > limit {
            return Err(full(namespace, held, limit));
        }
        Ok(Some(Room { namespace: namespace.to_owned(), limit, count, shared: self.shared.clone() }))
    }

    fn count(&self, namespace: &str) -> Arc<Count> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.entry(namespace.to_owned()).or_default().clone()
    }
}

impl Count {
    async fn bytes(
        &self,
        backend: &dyn Backend,
        namespace: &str,
        shared: Option<&Db>,
        life: Duration,
    ) -> Result<u64> {
        let mut last = self.last.lock().await;
        // What comes while it is counted may be in it or not, so it is added: all is looked up before the count.
        let ever = match shared {
            Some(db) => db.registry_quota_bytes(namespace).await?,
            None => 0,
        };
        let base = match *last {
            Some((at, base)) if at.elapsed() < life => base,
            _ => {
                let (added, untold) = (self.added.load(SeqCst), self.untold.load(SeqCst));
                self.counted.store(backend.usage(namespace).await?, SeqCst);
                if shared.is_none() {
                    self.take_back(added);
                }
                self.untold.fetch_sub(untold, SeqCst);
                *last = Some((Instant::now(), ever));
                ever
            }
        };
        self.told.store(ever.saturating_sub(base).unsigned_abs(), SeqCst);
        Ok(self.now())
    }

    /// Bytes that were counted since may have been taken back already.
    fn take_back(&self, bytes: u64) {
        let _ = self.added.fetch_update(SeqCst, SeqCst, |added| Some(added.saturating_sub(bytes)));
    }

    fn now(&self) -> u64 {
        let come = [&self.counted, &self.told, &self.added, &self.untold];
        come.into_iter().fold(0, |sum, bytes| sum.saturating_add(bytes.load(SeqCst)))
    }
}

impl Room {
    /// The body, which breaks off when it does not fit.
    pub(super) fn meter(self, body: Body) -> (Body, Meter) {
        let state = State { room: self, bytes: AtomicU64::new(0), is_over: AtomicBool::new(false) };
        let meter = Meter(Arc::new(state));
        (Metered { body, meter: meter.clone() }.boxed_unsync(), meter)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Meter(Arc<State>);

#[derive(Debug)]
struct State {
    room: Room,
    bytes: AtomicU64,
    is_over: AtomicBool,
}

impl Meter {
    /// The refusal, when the body did not fit.
    pub fn overflow(&self) -> Option<Problem> {
        let room = &self.0.room;
        self.0.is_over.load(SeqCst).then(|| full(&room.namespace, room.count.now(), room.limit))
    }

    /// What came is kept: others are told of it.
    pub async fn keep(&self) {
        self.0.tell(self.0.bytes.swap(0, SeqCst)).await;
    }

    /// What came is not kept.
    pub fn give_back(&self) {
        let bytes = self.0.bytes.swap(0, SeqCst);
        self.0.room.count.take_back(bytes);
    }

    /// Others add to the same count, so of two that fit only one by one, one is cut.
    fn add(&self, bytes: u64) -> Result<(), BoxError> {
        let Room { limit, count, .. } = &self.0.room;
        count.added.fetch_add(bytes, SeqCst);
        self.0.bytes.fetch_add(bytes, SeqCst);
        if count.now() > *limit {
            self.0.is_over.store(true, SeqCst);
            return Err("the quota is used up".into());
        }
        Ok(())
    }
}

impl State {
    /// From here it counts as told, or, when nobody could be told, as untold until the next count.
    async fn tell(&self, bytes: u64) {
        let Some(db) = self.room.shared.clone().filter(|_| bytes > 0) else { return };
        tell(&db, &self.room.namespace, &self.room.count, bytes).await;
    }
}

async fn tell(db: &Db, namespace: &str, count: &Count, bytes: u64) {
    match db.add_registry_quota_bytes(namespace, bytes.cast_signed()).await {
        Ok(_) => {
            count.told.fetch_add(bytes, SeqCst);
            count.take_back(bytes);
        }
        Err(error) => {
            count.untold.fetch_add(bytes, SeqCst);
            count.take_back(bytes);
            tracing::warn!(%error, namespace, "other replicas were not told what came");
        }
    }
}

/// A request that was given up may have left something behind, so what came of it counts.
impl Drop for State {
    fn drop(&mut self) {
        let bytes = self.bytes.swap(0, SeqCst);
        let Some(db) = self.room.shared.clone().filter(|_| bytes > 0) else { return };
        let (namespace, count) = (self.room.namespace.clone(), self.room.count.clone());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { tell(&db, &namespace, &count, bytes).await });
        }
    }
}

struct Metered {
    body: Body,
    meter: Meter,
}

impl http_body::Body for Metered {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
            if let Err(error) = self.meter.add(bytes) {
                return Poll::Ready(Some(Err(error)));
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// `the namespace team holds 9.8 of 10.0 GiB, …`
fn full(namespace: &str, held: u64, limit: u64) -> Problem {
    let message = format!(
        "the namespace {namespace} holds {} of {} that it may, and this does not fit; delete images, or ask for a \
         larger quota",
        in_words(held),
        in_words(limit)
    );
    Problem::new(ErrorCode::Denied, message)
}

fn in_words(bytes: u64) -> String {
    let (mut value, mut unit) = (bytes as f64, "bytes");
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1_024.0 {
            break;
        }
        (value, unit) = (value / 1_024.0, larger);
    }
    if unit == "bytes" { format!("{bytes} bytes") } else { format!("{value:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_in_words() {
        for (bytes, words) in
            [(0, "0 bytes"), (1_023, "1023 bytes"), (1_024, "1.0 KiB"), (10_522_669_875, "9.8 GiB")]
        {
            assert_eq!(in_words(bytes), words);
        }
    }
}
