//! Collects what nobody needs, beside pushes that go on.
//!
//! A link that no manifest needs is condemned first, and deleted only by a later run, when it has been condemned for as
//! long as a push may take; whoever looks at it or uses it meanwhile takes the verdict back. Content goes when no link is
//! left. Deletions hold the gate alone, so no push is between its look and its use.

use super::{
    Embedded, Inner,
    cache::What,
    layout,
    links::{BlobLink, Link, ManifestLink},
    storage::{self, Entry},
};
use crate::{
    config::GarbageConfig,
    core::{Timestamp, id::UploadId},
    registry::{
        error::{ErrorCode, Problem, Result},
        leases::Lease,
        model::{Digest, Manifest, Part, RepositoryName},
    },
};
use futures_util::TryStreamExt as _;
use object_store::path::Path;
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How a collection goes about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// How long something unneeded is kept, and again from its condemnation to its end. Longer than any push takes.
    pub grace: Duration,
    /// How long an upload may rest.
    pub upload_lease: Duration,
    /// Which manifests are needed.
    pub manifests: Keep,
}

impl From<&GarbageConfig> for Collection {
    fn from(config: &GarbageConfig) -> Self {
        let manifests = if config.collects_untagged { Keep::Tagged } else { Keep::All };
        Self { grace: config.grace, upload_lease: config.upload_lease, manifests }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    All,
    /// Those with a tag, those an index needs, and those that refer to one that stays.
    Tagged,
}

/// What a collection did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    pub condemned: u64,
    pub manifests: u64,
    pub links: u64,
    pub contents: u64,
    pub bytes: u64,
    pub uploads: u64,
}

/// Digests that were linked while a collection goes on.
#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<Option<HashSet<Digest>>>);

impl Watch {
    pub fn note(&self, digest: &Digest) {
        if let Some(seen) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            seen.insert(digest.clone());
        }
    }

    /// Watches until the guard is dropped. `None` when somebody does already.
    fn begin(&self) -> Option<Watching<'_>> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.is_none().then(|| {
            *seen = Some(HashSet::new());
            Watching(self)
        })
    }

    fn has(&self, digest: &Digest) -> bool {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.as_ref().is_some_and(|seen| seen.contains(digest))
    }
}

struct Watching<'a>(&'a Watch);

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Embedded {
    /// One run. Of several processes that share a database, one collects at a time.
    pub async fn collect_garbage(&self, collection: &Collection) -> Result<Collected> {
        let inner = &self.0;
        let lease = match &inner.leases {
            Some(leases) => Some(leases.take(LEASE, TURN, Duration::ZERO).await?.ok_or_else(busy)?),
            None => None,
        };
        let result = self.collect(collection, lease.as_ref()).await;
        let reopened = inner.gate.reopen().await;
        if let Some(lease) = lease {
            lease.let_go().await;
        }
        result.and_then(|collected| reopened.map(|()| collected))
    }

    async fn collect(&self, collection: &Collection, lease: Option<&Lease>) -> Result<Collected> {
        let inner = &self.0;
        // With the gate closed: what was linked before is found in the lists, and what comes later is noted.
        let watching = {
            let _alone = inner.gate.alone_here().await;
            inner.watch.begin()
        };
        let Some(_watching) = watching else { return Err(busy()) };
        let run = Run { inner, collection, lease, now: inner.clock.now() };
        Box::pin(run.all()).await
    }

    /// Collects again and again, with this time in between, until it is dropped.
    pub async fn keep_collecting(&self, interval: Duration, collection: &Collection) {
        loop {
            tokio::time::sleep(interval).await;
            match self.collect_garbage(collection).await {
                Ok(done) => tracing::info!(?done, "garbage of the registry was collected"),
                Err(problem) if problem.message == BUSY => {
                    tracing::debug!("another process collects the garbage of the registry");
                }
                Err(problem) => tracing::error!(problem = %problem.message, "garbage was not collected"),
            }
        }
    }
}

const LEASE: &str = "collection";
/// How long the collector may take from one repository to the next.
const TURN: Duration = Duration::from_secs(600);
const BUSY: &str = "garbage is being collected already";

fn busy() -> Problem {
    Problem::new(ErrorCode::Unavailable, BUSY)
}

struct Run<'a> {
    inner: &'a Inner,
    collection: &'a Collection,
    lease: Option<&'a Lease>,
    now: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Stays,
    Gone,
}

/// What is linked in a repository.
struct Links<L> {
    entries: Vec<(Digest, L, Entry)>,
}

impl Run<'_> {
    async fn all(&self) -> Result<Collected> {
        let mut done = Collected::default();
        self.uploads(&mut done).await?;
        let mut linked = HashSet::new();
        for (repository, _) in self.inner.repositories().await? {
            self.keep_turn().await?;
            self.repository(&repository, &mut linked, &mut done).await?;
        }
        self.keep_turn().await?;
        self.contents(&linked, &mut done).await?;
        Ok(done)
    }

    /// Whoever was away for so long that another began stops here.
    async fn keep_turn(&self) -> Result<()> {
        match self.lease {
            Some(lease) if !lease.renew(TURN).await? => Err(busy()),
            _ => Ok(()),
        }
    }

    async fn uploads(&self, done: &mut Collected) -> Result<()> {
        let mut latest: HashMap<UploadId, Timestamp> = HashMap::new();
        let mut entries = self.inner.storage.list(&layout::uploads());
        while let Some(entry) = entries.try_next().await? {
            let Some(upload) = layout::upload_of(&entry.path) else { continue };
            let at = latest.entry(upload).or_insert(entry.modified);
            *at = (*at).max(entry.modified);
        }
        let resting =
            latest.into_iter().filter(|(_, at)| self.now.since(*at) >= self.collection.upload_lease);
        for (upload, _) in resting {
            if !self.inner.uploads.is_held(upload) {
                self.inner.uploads.discard(upload).await?;
                done.uploads += 1;
            }
        }
        Ok(())
    }

    async fn repository(
        &self,
        repository: &RepositoryName,
        linked: &mut HashSet<Digest>,
        done: &mut Collected,
    ) -> Result<()> {
        let mut manifests = self.links::<ManifestLink>(&layout::manifest_links(repository)).await?;
        if self.collection.manifests == Keep::Tagged {
            self.untagged(repository, &mut manifests, done).await?;
        }
        let mut blobs = self.links::<BlobLink>(&layout::blob_links(repository)).await?;
        let needed = self.needed(&manifests).await?;
        let mut kept = Vec::new();
        for (digest, link, entry) in blobs.entries.drain(..) {
            let verdict = if needed.contains(&digest) {
                self.acquit(&link, &entry).await?
            } else {
                self.sentence(&link, &entry, done).await?
            };
            // A descriptor in memory would keep the next look from taking a verdict back.
            self.inner.descriptors.forget(What::Blob, repository, &digest).await;
            match verdict {
                Verdict::Gone => {
                    done.links += 1;
                    // Another process may have mounted it while it was still linked here: its content stays for a run.
                    kept.extend(self.inner.gate.is_shared().then_some(digest));
                }
                Verdict::Stays => kept.push(digest),
            }
        }
        linked.extend(kept);
        linked.extend(manifests.entries.into_iter().map(|(digest, ..)| digest));
        Ok(())
    }

    /// Takes the manifests away that nobody could name.
    async fn untagged(
        &self,
        repository: &RepositoryName,
        manifests: &mut Links<ManifestLink>,
        done: &mut Collected,
    ) -> Result<()> {
        let kept = self.reachable(repository, manifests).await?;
        let mut left = Vec::new();
        for (digest, link, entry) in manifests.entries.drain(..) {
            let verdict = if kept.contains(&digest) {
                self.acquit(&link, &entry).await?
            } else {
                self.sentence(&link, &entry, done).await?
            };
            self.inner.descriptors.forget(What::Manifest, repository, &digest).await;
            match verdict {
                Verdict::Stays => left.push((digest, link, entry)),
                Verdict::Gone => {
                    self.inner.unlink_manifest(repository, &digest, &link).await?;
                    done.manifests += 1;
                }
            }
        }
        manifests.entries = left;
        Ok(())
    }

    async fn reachable(
        &self,
        repository: &RepositoryName,
        manifests: &Links<ManifestLink>,
    ) -> Result<BTreeSet<Digest>> {
        let links: HashMap<&Digest, &ManifestLink> =
            manifests.entries.iter().map(|(digest, link, _)| (digest, link)).collect();
        let mut referrers: HashMap<&Digest, Vec<&Digest>> = HashMap::new();
        for (digest, link, _) in &manifests.entries {
            if let Some(subject) = &link.subject {
                referrers.entry(subject).or_default().push(digest);
            }
        }
        let tags = self.inner.all_tags(repository).await?;
        let mut open: Vec<Digest> = tags.into_iter().map(|(_, digest)| digest).collect();
        let mut kept = BTreeSet::new();
        while let Some(digest) = open.pop() {
            if !kept.insert(digest.clone()) {
                continue;
            }
            open.extend(referrers.get(&digest).into_iter().flatten().map(|referrer| (*referrer).clone()));
            let Some(link) = links.get(&digest) else { continue };
            let manifest = self.inner.stored_manifest(link, &digest).await?;
            open.extend(manifest.iter().flat_map(parts).map(Clone::clone));
        }
        Ok(kept)
    }

    /// The digests that the manifests name.
    async fn needed(&self, manifests: &Links<ManifestLink>) -> Result<HashSet<Digest>> {
        let mut needed = HashSet::new();
        for (digest, link, _) in &manifests.entries {
            if let Some(manifest) = self.inner.stored_manifest(link, digest).await? {
                needed.extend(parts(&manifest).cloned());
            }
        }
        Ok(needed)
    }

    /// Takes back the verdict on a link that is needed again.
    async fn acquit<L: Link>(&self, link: &L, entry: &Entry) -> Result<Verdict> {
        if link.condemned().is_some() {
            self.inner.gate.pass(self.inner.use_link::<L>(&entry.path)).await?;
        }
        Ok(Verdict::Stays)
    }

    /// Condemns a link, or deletes one that was condemned long enough.
    async fn sentence<L: Link>(&self, link: &L, entry: &Entry, done: &mut Collected) -> Result<Verdict> {
        let grace = self.collection.grace;
        if self.now.since(link.condemned().unwrap_or(entry.modified)) < grace {
            return Ok(Verdict::Stays);
        }
        // A verdict may be seen late by other processes; what is deleted may not.
        let gate = &self.inner.gate;
        let _alone = if link.condemned().is_some() { gate.alone().await? } else { gate.alone_here().await };
        // Somebody may have needed it since it was listed.
        let Some(bytes) = self.inner.storage.get(&entry.path).await? else { return Ok(Verdict::Gone) };
        let mut current = L::read(&entry.path, &bytes)?;
        match (current.condemned(), link.condemned()) {
            (Some(at), Some(_)) if self.now.since(at) >= grace => {
                self.inner.storage.delete(&entry.path).await?;
                Ok(Verdict::Gone)
            }
            (None, None) if self.now.since(entry.modified) >= grace && self.is_same(entry).await? => {
                current.set_condemned(Some(self.now));
                self.inner.storage.put(&entry.path, current.bytes()).await?;
                done.condemned += 1;
                Ok(Verdict::Stays)
            }
            _ => Ok(Verdict::Stays),
        }
    }

    async fn is_same(&self, entry: &Entry) -> storage::Result<bool> {
        let now = self.inner.storage.stat(&entry.path).await?;
        Ok(now.is_some_and(|now| now.modified == entry.modified))
    }

    /// Content without a link, neither then nor since.
    async fn contents(&self, linked: &HashSet<Digest>, done: &mut Collected) -> Result<()> {
        let mut orphans = Vec::new();
        let mut entries = self.inner.storage.list(&layout::contents());
        while let Some(entry) = entries.try_next().await? {
            let digest = layout::digest_of_content(&entry.path).filter(|digest| !linked.contains(digest));
            if let Some(digest) = digest.filter(|_| self.now.since(entry.modified) >= self.collection.grace) {
                orphans.push((digest, entry));
            }
        }
        drop(entries);
        for (digest, entry) in orphans {
            let _alone = self.inner.gate.alone().await?;
            if !self.inner.watch.has(&digest) && self.is_same(&entry).await? {
                self.inner.storage.delete(&entry.path).await?;
                done.contents += 1;
                done.bytes += entry.size;
            }
        }
        Ok(())
    }

    async fn links<L: Link>(&self, folder: &Path) -> Result<Links<L>> {
        let (_, objects) = self.inner.storage.children(folder).await?;
        let mut entries = Vec::new();
        for entry in objects {
            let Some(digest) = entry.path.filename().and_then(Digest::from_dashed) else { continue };
            let Some(bytes) = self.inner.storage.get(&entry.path).await? else { continue };
            let link = L::read(&entry.path, &bytes)?;
            entries.push((digest, link, entry));
        }
        Ok(Links { entries })
    }
}

fn parts(manifest: &Manifest) -> impl Iterator<Item = &Digest> {
    manifest.parts.iter().map(|part| match part {
        Part::Blob(descriptor) | Part::Manifest(descriptor) => &descriptor.digest,
    })
}
