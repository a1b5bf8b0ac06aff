//! Uploads under way. What was received is in the storage before the client is told so, and an upload goes on where it
//! was after the process was killed. The running hash is kept in memory; when it is lost, the bytes are read again.

mod bucket;
mod directory;
mod handlers;
mod session;

use super::{
    layout,
    storage::{self, Kind, Storage},
};
use crate::{
    core::{SharedClock, id::UploadId},
    registry::{
        backend::{Body, BoxError, Terms},
        error::Result,
        leases::{Kept, Leases},
        model::{Algorithm, Digest, Hasher, RepositoryName},
        uploading::{self, PATIENCE, data},
    },
};
use bytes::Bytes;
use futures_util::StreamExt as _;
use session::Session;
use std::{
    collections::HashMap,
    future::pending,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Mutex as AsyncMutex, OwnedMutexGuard},
    time::timeout,
};

/// For how long a process that was killed keeps others from an upload.
const TURN: Duration = Duration::from_secs(30);
/// Uploads of which something is kept in memory, before those are dropped that no request uses.
const KEPT: usize = 1_024;

#[derive(Debug)]
pub(super) struct Uploads {
    storage: Arc<Storage>,
    clock: SharedClock,
    live: Mutex<HashMap<UploadId, Arc<AsyncMutex<Option<Running>>>>>,
    /// Where other processes use the same storage.
    leases: Option<Leases>,
}

/// The hash of all bytes up to an offset.
#[derive(Debug)]
struct Running {
    hasher: Hasher,
    offset: u64,
    /// That of the session when this was right; another process may have gone on since.
    stamp: u64,
}

/// One upload that nobody else touches now, in any process: what another wrote while it becomes a blob would be under
/// a digest that is not its own.
#[derive(Debug)]
pub(super) struct Held {
    storage: Arc<Storage>,
    turn: Option<Kept>,
    pub upload: UploadId,
    session: Session,
    pub offset: u64,
    running: OwnedMutexGuard<Option<Running>>,
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    /// The client went away in its middle. What came is kept.
    Cut,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Appended {
    pub count: u64,
    pub end: End,
}

impl Uploads {
    pub fn new(storage: Arc<Storage>, clock: SharedClock, leases: Option<Leases>) -> Self {
        Self { storage, clock, live: Mutex::default(), leases }
    }

    /// It belongs to whoever asks.
    pub async fn start(
        &self,
        repository: &RepositoryName,
        algorithm: Algorithm,
        terms: &Terms,
    ) -> Result<UploadId> {
        let upload = UploadId::new(self.clock.now());
        Session::new(repository, algorithm, terms.subject.as_deref()).save(&self.storage, upload).await?;
        if let Kind::Directory(_) = self.storage.kind {
            directory::create(&self.storage, upload).await?;
        }
        Ok(upload)
    }

    /// An upload belongs to its repository and to whoever began it: to all others it is as unknown as one that never
    /// was.
    pub async fn hold(&self, repository: &RepositoryName, upload: UploadId, terms: &Terms) -> Result<Held> {
        // Before a lock is made for it.
        let session = Session::load(&self.storage, upload).await?;
        let subject = terms.subject.as_deref();
        session.filter(|session| session.is_of(repository, subject)).ok_or_else(uploading::unknown)?;
        let lock = self.lock(upload);
        let Ok(running) = timeout(PATIENCE, lock.lock_owned()).await else { return Err(uploading::busy()) };
        let turn = match &self.leases {
            None => None,
            Some(leases) => {
                let lease = leases.take(&format!("upload/{upload}"), TURN, PATIENCE).await?;
                Some(lease.ok_or_else(uploading::busy)?.keep(TURN))
            }
        };
        let Some(session) = Session::load(&self.storage, upload).await? else {
            self.forget(upload);
            return Err(uploading::unknown());
        };
        let offset = match self.storage.kind {
            Kind::Directory(_) => directory::length(&self.storage, upload).await?,
            Kind::Bucket(_) => session.length(),
        };
        Ok(Held { storage: self.storage.clone(), turn, upload, session, offset, running })
    }

    fn lock(&self, upload: UploadId) -> Arc<AsyncMutex<Option<Running>>> {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if live.len() >= KEPT {
            // They may have ended at another replica. A hash that is gone is only calculated again.
            live.retain(|_, lock| Arc::strong_count(lock) > 1);
        }
        live.entry(upload).or_default().clone()
    }

    /// Whether a request is using it now, in this process.
    pub fn is_held(&self, upload: UploadId) -> bool {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.get(&upload).is_some_and(|lock| lock.try_lock().is_err())
    }

    pub fn forget(&self, upload: UploadId) {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).remove(&upload);
    }

    /// Removes an upload with all it has stored.
    pub async fn discard(&self, upload: UploadId) -> storage::Result<()> {
        match &self.storage.kind {
            Kind::Directory(_) => directory::discard(&self.storage, upload).await?,
            Kind::Bucket(parts) => bucket::discard(&self.storage, parts, upload).await?,
        }
        self.forget(upload);
        Ok(())
    }
}

impl Held {
    /// Adds what comes to what is there.
    pub async fn append(&mut self, body: Body) -> Result<Appended> {
        let turn = self.turn.take();
        let appending = async {
            let running = self.take_running();
            match self.storage.kind {
                Kind::Directory(_) => Ok(directory::append(self, running, body).await?),
                Kind::Bucket(_) => bucket::append(self, running, body).await,
            }
        };
        let appended = tokio::select! {
            appended = appending => appended?,
            () = lost(turn.as_ref()) => return Err(uploading::busy()),
        };
        self.turn = turn;
        self.offset += appended.count;
        Ok(appended)
    }

    /// Somebody else may have it from now on.
    pub async fn let_go(self) {
        let Self { turn, running, .. } = self;
        drop(running);
        if let Some(turn) = turn {
            turn.let_go().await;
        }
    }

    /// The digest of all bytes.
    pub async fn digest(&mut self, algorithm: Algorithm) -> Result<Digest> {
        let running = self.take_running();
        if let Some(hasher) = running.filter(|hasher| hasher.algorithm() == algorithm) {
            self.keep_running(hasher.clone());
            return Ok(hasher.finish());
        }
        let mut hasher = Hasher::new(algorithm);
        let mut stream = match self.storage.kind {
            Kind::Directory(_) => directory::stream(&self.storage, self.upload).await?,
            Kind::Bucket(_) => bucket::stream(self).await?,
        };
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|error| storage::StorageError::Io(std::io::Error::other(error)))?;
            hasher.update(&piece);
        }
        Ok(hasher.finish())
    }

    /// Does what takes long of making the bytes the content of their digest.
    pub async fn prepare(&mut self, digest: &Digest) -> Result<()> {
        self.is_ours_still()?;
        match self.storage.kind {
            Kind::Directory(_) => directory::prepare(&self.storage, self.upload).await?,
            Kind::Bucket(_) => bucket::publish(self, digest).await?,
        }
        Ok(())
    }

    /// Makes the bytes the content of their digest, all at once. With the gate held.
    pub async fn publish(&mut self, digest: &Digest) -> Result<()> {
        self.is_ours_still()?;
        match self.storage.kind {
            Kind::Directory(_) => directory::publish(&self.storage, self.upload, digest).await?,
            // It is there, unless it was collected since.
            Kind::Bucket(_) if self.storage.stat(&destination(digest)).await?.is_some() => {}
            Kind::Bucket(_) => bucket::publish(self, digest).await?,
        }
        Ok(())
    }

    fn is_ours_still(&self) -> Result<()> {
        if self.turn.as_ref().is_some_and(Kept::is_lost) { Err(uploading::busy()) } else { Ok(()) }
    }

    /// The hash that goes on from where the upload is; a new one at its beginning.
    fn take_running(&mut self) -> Option<Hasher> {
        let (offset, stamp) = (self.offset, self.session.stamp);
        let running =
            self.running.take().filter(|running| running.offset == offset && running.stamp == stamp);
        match running {
            Some(running) => Some(running.hasher),
            None if offset == 0 => Some(Hasher::new(self.session.algorithm())),
            None => None,
        }
    }

    fn keep_running(&mut self, hasher: Hasher) {
        *self.running = Some(Running { hasher, offset: self.offset, stamp: self.session.stamp });
    }
}

async fn lost(turn: Option<&Kept>) {
    match turn {
        Some(turn) => turn.lost().await,
        None => pending().await,
    }
}

fn empty_stream() -> futures_util::stream::BoxStream<'static, Result<Bytes, BoxError>> {
    futures_util::stream::empty().boxed()
}

/// Where a digest's content goes.
fn destination(digest: &Digest) -> object_store::path::Path {
    layout::content(digest)
}
