//! What is counted of the registry at its door: bytes as they pass, decisions, uploads from end to end, and who pulls and
//! pushes, by the first part of the repository's name.

use crate::{
    audit::Decision,
    observe::metrics::catalogue::{
        GATEWAY_REGISTRY_BYTES, GATEWAY_REGISTRY_DECISIONS, GATEWAY_REGISTRY_UPLOAD_DURATION,
        GATEWAY_REPO_PULLS, GATEWAY_REPO_PUSHES,
    },
    registry::Operation,
};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Names are chosen by whoever may push, so their number is bounded.
const NAMESPACES: usize = 200;
const OTHER: &str = "other";
/// Uploads whose opening is remembered.
const UPLOADS: usize = 10_000;
const FORGOTTEN: Duration = Duration::from_secs(24 * 3_600);
const MIB: u64 = 1024 * 1024;

pub fn received(bytes: u64) {
    static RECEIVED: LazyLock<metrics::Counter> =
        LazyLock::new(|| metrics::counter!(GATEWAY_REGISTRY_BYTES, "direction" => "received"));
    RECEIVED.increment(bytes);
}

pub fn sent(bytes: u64) {
    static SENT: LazyLock<metrics::Counter> =
        LazyLock::new(|| metrics::counter!(GATEWAY_REGISTRY_BYTES, "direction" => "sent"));
    SENT.increment(bytes);
}

/// One of a few words.
pub const fn action(operation: &Operation) -> &'static str {
    use Operation as Op;
    match operation {
        Op::Ping => "ping",
        Op::Catalog { .. } | Op::Tags { .. } | Op::Referrers { .. } => "list",
        Op::ManifestGet { .. } | Op::ManifestHead { .. } | Op::BlobGet { .. } | Op::BlobHead { .. } => "pull",
        Op::ManifestPut { .. }
        | Op::UploadStart { .. }
        | Op::UploadStatus { .. }
        | Op::UploadPatch { .. }
        | Op::UploadPut { .. }
        | Op::UploadCancel { .. } => "push",
        Op::ManifestDelete { .. } | Op::BlobDelete { .. } => "delete",
    }
}

pub fn decision(action: &'static str, decision: Decision) {
    metrics::counter!(GATEWAY_REGISTRY_DECISIONS, "action" => action, "decision" => decision.as_str())
        .increment(1);
}

/// What is remembered between requests. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Measures(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    namespaces: Mutex<HashSet<String>>,
    uploads: Mutex<HashMap<String, Session>>,
}

#[derive(Debug)]
struct Session {
    opened: Instant,
    bytes: u64,
}

impl Measures {
    pub fn pulled(&self, repository: &str) {
        metrics::counter!(GATEWAY_REPO_PULLS, "namespace" => self.namespace(repository)).increment(1);
    }

    pub fn pushed(&self, repository: &str) {
        metrics::counter!(GATEWAY_REPO_PUSHES, "namespace" => self.namespace(repository)).increment(1);
    }

    fn namespace(&self, repository: &str) -> String {
        let first = repository.split('/').next().unwrap_or_default();
        let mut known = self.0.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(first) {
            return first.to_owned();
        }
        if known.len() >= NAMESPACES {
            return OTHER.to_owned();
        }
        known.insert(first.to_owned());
        first.to_owned()
    }

    pub fn upload_opened(&self, upload: &str) {
        let mut uploads = self.0.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        if uploads.len() >= UPLOADS {
            uploads.retain(|_, session| session.opened.elapsed() < FORGOTTEN);
        }
        if uploads.len() < UPLOADS {
            uploads.insert(upload.to_owned(), Session { opened: Instant::now(), bytes: 0 });
        }
    }

    pub fn upload_grew(&self, upload: &str, bytes: u64) {
        let mut uploads = self.0.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = uploads.get_mut(upload) {
            session.bytes += bytes;
        }
    }

    /// One that was opened at another replica, or before this process began, is not timed.
    pub fn upload_closed(&self, upload: &str, bytes: u64) {
        let closed = self.0.uploads.lock().unwrap_or_else(PoisonError::into_inner).remove(upload);
        let Some(session) = closed else { return };
        let size = match session.bytes + bytes {
            0..=MIB => "1MiB",
            size if size <= 100 * MIB => "100MiB",
            _ => "more",
        };
        metrics::histogram!(GATEWAY_REGISTRY_UPLOAD_DURATION, "size" => size)
            .record(session.opened.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics_exporter_prometheus::PrometheusBuilder;

    #[test]
    fn namespaces_are_bounded() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let text = metrics::with_local_recorder(&recorder, || {
            let measures = Measures::default();
            (0..NAMESPACES + 20).for_each(|number| measures.pulled(&format!("team-{number}/app/x")));
            measures.pulled("team-3/other");
            measures.pushed("new/app");
            measures.pushed("team-3");
            recorder.handle().render()
        });
        let series = text.lines().filter(|line| line.starts_with("gateway_repo_pulls_total{"));
        assert_eq!(series.count(), NAMESPACES + 1);
        for line in [
            "gateway_repo_pulls_total{namespace=\"team-3\"} 2\n",
            "gateway_repo_pulls_total{namespace=\"other\"} 20\n",
            "gateway_repo_pushes_total{namespace=\"other\"} 1\n",
            "gateway_repo_pushes_total{namespace=\"team-3\"} 1\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    #[test]
    fn an_upload_is_timed_from_end_to_end_by_its_size() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let text = metrics::with_local_recorder(&recorder, || {
            let measures = Measures::default();
            measures.upload_opened("a");
            measures.upload_grew("a", 2 * MIB);
            measures.upload_closed("a", 0);
            measures.upload_closed("a", 0);
            measures.upload_opened("b");
            measures.upload_closed("b", 5);
            measures.upload_closed("never opened", 5);
            (0..UPLOADS + 5).for_each(|number| measures.upload_opened(&number.to_string()));
            assert!(measures.0.uploads.lock().unwrap().len() <= UPLOADS);
            recorder.handle().render()
        });
        assert!(
            text.contains("gateway_registry_upload_duration_seconds_count{size=\"100MiB\"} 1\n"),
            "{text}"
        );
        assert!(text.contains("gateway_registry_upload_duration_seconds_count{size=\"1MiB\"} 1\n"), "{text}");
    }
}
