//! For each bucket of the request histogram one traced request, so that from a slow bucket one comes to a trace.

use super::catalogue::LATENCY_SECONDS;
use crate::core::{RequestId, Timestamp};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Series that have any; each has one for each bucket.
const MAX_SERIES: usize = 1_000;

/// A request that was traced.
#[derive(Debug, Clone)]
pub struct Exemplar {
    pub request_id: RequestId,
    pub trace_id: String,
    pub elapsed: Duration,
    pub at: Timestamp,
}

/// Route, method, status, as they stand in the labels.
pub(super) type Labels = (&'static str, &'static str, String);

type Buckets = [Option<Exemplar>; LATENCY_SECONDS.len() + 1];

/// Only traced requests come here, so a lock is good enough.
#[derive(Debug, Default)]
pub(super) struct Exemplars(Mutex<BTreeMap<Labels, Buckets>>);

impl Exemplars {
    /// Keeps the youngest of each bucket.
    pub fn keep(&self, labels: Labels, exemplar: Exemplar) {
        let mut series = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if series.len() >= MAX_SERIES && !series.contains_key(&labels) {
            return;
        }
        let seconds = exemplar.elapsed.as_secs_f64();
        let slot = LATENCY_SECONDS.iter().take_while(|bound| seconds > **bound).count();
        if let Some(kept) = series.entry(labels).or_default().get_mut(slot) {
            *kept = Some(exemplar);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Of one series; none when nothing of it was traced.
    pub fn of(&self, labels: &Labels) -> Buckets {
        let series = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        series.get(labels).cloned().unwrap_or_default()
    }
}

impl Exemplar {
    /// What OpenMetrics has behind a sample.
    pub(super) fn write(&self, out: &mut String) {
        let Self { request_id, trace_id, elapsed, at } = self;
        let (seconds, at) = (elapsed.as_secs_f64(), at.as_micros() as f64 / 1e6);
        let _ = write!(out, " # {{request_id=\"{request_id}\",trace_id=\"{trace_id}\"}} {seconds} {at}");
    }
}
