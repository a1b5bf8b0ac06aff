//! The objects below everything else: a directory or a bucket. Every action is timed.

use crate::{
    core::Timestamp,
    observe::metrics::catalogue::REGISTRY_STORAGE_ACTION,
    registry::error::{ErrorCode, Problem},
};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use object_store::{
    Error as ObjectError, GetOptions, GetResult, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode,
    PutPayload, local::LocalFileSystem, multipart::MultipartStore, path::Path,
};
use std::{error::Error as _, io, path::PathBuf, sync::Arc};
use tokio::time::Instant;

/// How often something is tried whose folder somebody else removes as empty meanwhile.
pub(super) const ATTEMPTS: usize = 5;

#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    #[error(transparent)]
    Object(#[from] ObjectError),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{0} cannot be read as what it should hold")]
    Corrupt(Path),
}

pub(super) type Result<T> = std::result::Result<T, StorageError>;

#[derive(Debug)]
pub(super) struct Storage {
    objects: Arc<dyn ObjectStore>,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Creation {
    Made,
    Existed,
}

pub(super) enum Kind {
    Directory(PathBuf),
    Bucket(Arc<dyn MultipartStore>),
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.driver())
    }
}

impl Kind {
    /// As distribution calls its drivers.
    const fn driver(&self) -> &'static str {
        match self {
            Self::Directory(_) => "filesystem",
            Self::Bucket(_) => "s3aws",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub path: Path,
    pub size: u64,
    pub modified: Timestamp,
}

impl From<ObjectMeta> for Entry {
    fn from(meta: ObjectMeta) -> Self {
        let modified = Timestamp::from_micros(meta.last_modified.timestamp_micros());
        Self { path: meta.location, size: meta.size, modified }
    }
}

impl Storage {
    /// Makes the directory if there is none.
    pub fn directory(root: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&root)?;
        let root = root.canonicalize()?;
        let objects = LocalFileSystem::new_with_prefix(&root)?.with_automatic_cleanup(true).with_fsync(true);
        Ok(Self { objects: Arc::new(objects), kind: Kind::Directory(root) })
    }

    pub fn bucket<S: ObjectStore + MultipartStore>(objects: Arc<S>) -> Self {
        Self { objects: objects.clone(), kind: Kind::Bucket(objects) }
    }

    /// Where the object lies when storage is a directory.
    pub fn file(&self, path: &Path) -> Option<PathBuf> {
        match &self.kind {
            Kind::Directory(root) => Some(root.join(path.as_ref())),
            Kind::Bucket(_) => None,
        }
    }

    /// A small object; `None` when there is none.
    pub async fn get(&self, path: &Path) -> Result<Option<Bytes>> {
        let read = async { self.objects.get(path).await?.bytes().await };
        found(self.timed("GetContent", read).await)
    }

    /// Replaces the object as a whole or not at all.
    pub async fn put(&self, path: &Path, bytes: impl Into<Bytes>) -> Result<()> {
        let payload = PutPayload::from_bytes(bytes.into());
        let mut attempts = 1;
        loop {
            let put = self.timed("PutContent", self.objects.put(path, payload.clone())).await;
            match put.map_err(StorageError::from) {
                Err(error) if error.is_not_found() && attempts < ATTEMPTS => attempts += 1,
                other => return other.map(drop),
            }
        }
    }

    /// Makes the object unless there is one.
    pub async fn create(&self, path: &Path, bytes: impl Into<Bytes>) -> Result<Creation> {
        let payload = PutPayload::from_bytes(bytes.into());
        let mut attempts = 1;
        loop {
            let put = self.objects.put_opts(path, payload.clone(), PutMode::Create.into());
            match self.timed("PutContent", put).await {
                Ok(_) => return Ok(Creation::Made),
                Err(ObjectError::AlreadyExists { .. }) => return Ok(Creation::Existed),
                Err(error) => match StorageError::from(error) {
                    error if error.is_not_found() && attempts < ATTEMPTS => attempts += 1,
                    error => return Err(error),
                },
            }
        }
    }

    pub async fn stat(&self, path: &Path) -> Result<Option<Entry>> {
        let entry = found(self.timed("Stat", self.objects.head(path)).await)?;
        Ok(entry.map(Entry::from))
    }

    /// One that is not there is what is wanted.
    pub async fn delete(&self, path: &Path) -> Result<()> {
        match found(self.timed("Delete", self.objects.delete(path)).await) {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    /// Deletes it, and tells whether it was there, which a bucket does not.
    pub async fn remove(&self, path: &Path) -> Result<bool> {
        let was_there = self.stat(path).await?.is_some();
        if was_there {
            self.delete(path).await?;
        }
        Ok(was_there)
    }

    /// Everything below a prefix, unsorted.
    pub fn list(&self, prefix: &Path) -> BoxStream<'_, Result<Entry>> {
        let begun = Instant::now();
        let entries = self.objects.list(Some(prefix)).map_ok(Entry::from).map_err(StorageError::from);
        let end = futures_util::stream::poll_fn(move |_| {
            self.note("List", begun);
            std::task::Poll::Ready(None)
        });
        entries.chain(end).boxed()
    }

    /// Folders directly below a prefix, and the objects in it.
    pub async fn children(&self, prefix: &Path) -> Result<(Vec<Path>, Vec<Entry>)> {
        let listing = self.timed("List", self.objects.list_with_delimiter(Some(prefix))).await?;
        Ok((listing.common_prefixes, listing.objects.into_iter().map(Entry::from).collect()))
    }

    /// Opens an object to be streamed; `None` when there is none.
    pub async fn open(&self, path: &Path, range: Option<std::ops::Range<u64>>) -> Result<Option<GetResult>> {
        let options = GetOptions::new().with_range(range);
        found(self.objects.get_opts(path, options).await)
    }

    /// Within a bucket, by the bucket itself.
    pub async fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        Ok(self.timed("Move", self.objects.copy(from, to)).await?)
    }

    pub async fn timed<T, E>(
        &self,
        action: &'static str,
        work: impl Future<Output = std::result::Result<T, E>>,
    ) -> std::result::Result<T, E> {
        let begun = Instant::now();
        let result = work.await;
        self.note(action, begun);
        result
    }

    fn note(&self, action: &'static str, begun: Instant) {
        let driver = self.kind.driver();
        metrics::histogram!(REGISTRY_STORAGE_ACTION, "driver" => driver, "action" => action)
            .record(begun.elapsed().as_secs_f64());
    }
}

fn found<T>(result: std::result::Result<T, ObjectError>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(ObjectError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl StorageError {
    /// A folder that had become empty went away between two steps.
    pub fn is_not_found(&self) -> bool {
        self.io().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    /// The operating system's error at the bottom, if there is one.
    pub fn io(&self) -> Option<&io::Error> {
        let mut source = match self {
            Self::Io(error) => return Some(error),
            Self::Object(error) => error.source(),
            Self::Corrupt(_) => None,
        };
        while let Some(error) = source {
            if let Some(io) = error.downcast_ref::<io::Error>() {
                return Some(io);
            }
            source = error.source();
        }
        None
    }
}

/// The client learns that it is not its fault; the log learns why.
impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        tracing::error!(error = %error, "the storage of the registry failed");
        match error.io().map(io::Error::kind) {
            Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                Self::new(ErrorCode::Unavailable, "the storage of the registry is full")
            }
            _ => Self::new(ErrorCode::Unavailable, "the storage of the registry failed; try again later"),
        }
    }
}

impl From<ObjectError> for Problem {
    fn from(error: ObjectError) -> Self {
        StorageError::from(error).into()
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        StorageError::from(error).into()
    }
}
