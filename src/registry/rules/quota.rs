//! How much a namespace, the first part of a repository's name, may hold. What it holds is counted at the backend from
//! time to time; what comes in between is added. Before something is refused, it is counted anew, for what was deleted
//! or was there already does not count.

use crate::{
    config::Quota,
    registry::{
        backend::{Backend, Body, BoxError},
        error::{ErrorCode, Problem, Result},
        model::RepositoryName,
    },
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
    counts: Mutex<HashMap<String, Arc<Count>>>,
}

#[derive(Debug, Default)]
struct Count {
    /// When the last count was; held while one goes on.
    at: AsyncMutex<Option<Instant>>,
    counted: AtomicU64,
    /// Bytes that came since.
    added: AtomicU64,
}

/// What a request may still store.
#[derive(Debug)]
pub struct Room {
    namespace: String,
    limit: u64,
    count: Arc<Count>,
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
        Self { limits, others, counts: Mutex::default() }
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
        let mut held = count.bytes(backend, namespace, LIFE).await?;
        if held.saturating_add(least) > limit {
            held = count.bytes(backend, namespace, FRESH).await?;
        }
        if held.saturating_add(least) > limit {
            return Err(full(namespace, held, limit));
        }
        Ok(Some(Room { namespace: namespace.to_owned(), limit, count }))
    }

    fn count(&self, namespace: &str) -> Arc<Count> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.entry(namespace.to_owned()).or_default().clone()
    }
}

impl Count {
    async fn bytes(&self, backend: &dyn Backend, namespace: &str, life: Duration) -> Result<u64> {
        let mut at = self.at.lock().await;
        if at.is_none_or(|at| at.elapsed() >= life) {
            let added = self.added.load(SeqCst);
            self.counted.store(backend.usage(namespace).await?, SeqCst);
            // What came while it was counted may be in it or not, so it is added.
            self.take_back(added);
            *at = Some(Instant::now());
        }
        Ok(self.now())
    }

    /// Bytes that were counted since may have been taken back already.
    fn take_back(&self, bytes: u64) {
        let _ = self.added.fetch_update(SeqCst, SeqCst, |added| Some(added.saturating_sub(bytes)));
    }

    fn now(&self) -> u64 {
        self.counted.load(SeqCst).saturating_add(self.added.load(SeqCst))
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
