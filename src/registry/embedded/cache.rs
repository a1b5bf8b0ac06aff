//! Descriptors of blobs and manifests that were looked at lately, in memory and bounded.

use crate::{
    observe::metrics::catalogue::REGISTRY_STORAGE_CACHE,
    registry::model::{Digest, RepositoryName},
};
use moka::future::Cache;
use std::{sync::Arc, time::Duration};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum What {
    Blob,
    Manifest,
}

#[derive(Clone, Debug)]
pub(super) struct Known {
    pub size: u64,
    /// Of a manifest.
    pub media_type: Option<Arc<str>>,
}

type Key = (What, RepositoryName, Digest);

#[derive(Debug)]
pub(super) struct Descriptors(Cache<Key, Known>);

const ENTRIES: u64 = 10_000;
/// Another process that uses the same storage may delete.
const LIFE: Duration = Duration::from_secs(60);

impl Descriptors {
    pub fn new() -> Self {
        Self(Cache::builder().max_capacity(ENTRIES).time_to_live(LIFE).build())
    }

    pub async fn get(&self, what: What, repository: &RepositoryName, digest: &Digest) -> Option<Known> {
        let known = self.0.get(&(what, repository.clone(), digest.clone())).await;
        count("Request");
        count(if known.is_some() { "Hit" } else { "Miss" });
        known
    }

    pub async fn put(&self, what: What, repository: &RepositoryName, digest: &Digest, known: Known) {
        self.0.insert((what, repository.clone(), digest.clone()), known).await;
    }

    pub async fn forget(&self, what: What, repository: &RepositoryName, digest: &Digest) {
        self.0.invalidate(&(what, repository.clone(), digest.clone())).await;
    }
}

fn count(kind: &'static str) {
    metrics::counter!(REGISTRY_STORAGE_CACHE, "type" => kind).increment(1);
}
