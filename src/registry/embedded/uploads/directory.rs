//! Uploads to a directory: bytes are appended to a file, whose length is the offset. A file becomes content by being
//! renamed.

use super::{
    super::{
        layout, read,
        storage::{ATTEMPTS, Storage, StorageError},
    },
    Appended, End, Held, data, destination, empty_stream,
};
use crate::{
    core::id::UploadId,
    registry::{
        backend::{Body, BoxError},
        model::{Digest, Hasher},
    },
};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream::BoxStream};
use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};
use tokio::task::{JoinHandle, spawn_blocking};

/// Bytes that go to the disk at once, while as many are received.
const BATCH: usize = 256 * 1_024;

pub(super) async fn create(storage: &Storage, upload: UploadId) -> io::Result<()> {
    let path = file(storage, upload)?;
    blocking(move || File::create(path).map(drop)).await
}

pub(super) async fn length(storage: &Storage, upload: UploadId) -> io::Result<u64> {
    let path = file(storage, upload)?;
    match blocking(move || fs::metadata(path)).await {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

pub(super) async fn append(
    held: &mut Held,
    hasher: Option<Hasher>,
    body: Body,
) -> Result<Appended, StorageError> {
    let path = file(&held.storage, held.upload)?;
    let file =
        blocking(move || OpenOptions::new().create(true).truncate(false).write(true).open(path)).await?;
    let mut sink = Sink { state: Some(State { file, hasher, offset: held.offset }), writing: None };
    let (mut count, mut end) = (0, End::Whole);
    let (mut batch, mut waiting) = (Vec::new(), 0);
    let mut data = data(body);
    while let Some(piece) = data.next().await {
        let Ok(piece) = piece else {
            end = End::Cut;
            break;
        };
        waiting += piece.len();
        count += piece.len() as u64;
        batch.push(piece);
        if waiting >= BATCH {
            sink.write(std::mem::take(&mut batch)).await?;
            waiting = 0;
        }
    }
    sink.write(batch).await?;
    let State { hasher, offset, .. } = sink.finish().await?;
    if let Some(hasher) = hasher {
        *held.running = Some(super::Running { hasher, offset, stamp: held.session.stamp });
    }
    Ok(Appended { count, end })
}

struct State {
    file: File,
    hasher: Option<Hasher>,
    offset: u64,
}

/// Writes and hashes one batch while the next is received.
struct Sink {
    state: Option<State>,
    writing: Option<JoinHandle<io::Result<State>>>,
}

impl Sink {
    async fn write(&mut self, batch: Vec<Bytes>) -> io::Result<()> {
        let mut state = self.idle().await?;
        self.writing = Some(spawn_blocking(move || {
            for piece in batch {
                // At its place, not at the end: should the same bytes ever be written twice, they stay the same.
                state.file.write_all_at(&piece, state.offset)?;
                state.offset += piece.len() as u64;
                if let Some(hasher) = &mut state.hasher {
                    hasher.update(&piece);
                }
            }
            Ok(state)
        }));
        Ok(())
    }

    async fn finish(&mut self) -> io::Result<State> {
        self.idle().await
    }

    async fn idle(&mut self) -> io::Result<State> {
        match (self.writing.take(), self.state.take()) {
            (Some(writing), _) => writing.await.map_err(io::Error::other)?,
            (None, Some(state)) => Ok(state),
            (None, None) => Err(io::Error::other("a write failed before")),
        }
    }
}

pub(super) async fn stream(
    storage: &Storage,
    upload: UploadId,
) -> Result<BoxStream<'static, Result<Bytes, BoxError>>, StorageError> {
    let opened = storage.open(&layout::staged(upload), None).await?;
    Ok(opened.map_or_else(empty_stream, read::bytes))
}

pub(super) async fn prepare(storage: &Storage, upload: UploadId) -> io::Result<()> {
    let staged = file(storage, upload)?;
    blocking(move || File::open(&staged)?.sync_all()).await
}

pub(super) async fn publish(
    storage: &Storage,
    upload: UploadId,
    digest: &Digest,
) -> Result<(), StorageError> {
    let staged = file(storage, upload)?;
    let content = storage.file(&destination(digest)).ok_or_else(no_directory)?;
    let moving = blocking(move || {
        let mut attempts = 1;
        loop {
            match publish_file(&staged, &content) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempts < ATTEMPTS => attempts += 1,
                other => return other,
            }
        }
    });
    Ok(storage.timed("Move", moving).await?)
}

fn publish_file(staged: &Path, content: &Path) -> io::Result<()> {
    let folder = content.parent().ok_or_else(no_directory)?;
    make_folder(folder)?;
    fs::rename(staged, content)?;
    sync(folder)
}

/// So that it is still there after a loss of power.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().ok_or_else(no_directory)?;
    make_folder(parent)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync(parent),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

pub(super) async fn discard(storage: &Storage, upload: UploadId) -> io::Result<()> {
    let staged = file(storage, upload)?;
    blocking(move || {
        let folder = staged.parent().ok_or_else(no_directory)?;
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    })
    .await
}

fn file(storage: &Storage, upload: UploadId) -> io::Result<PathBuf> {
    storage.file(&layout::staged(upload)).ok_or_else(no_directory)
}

fn no_directory() -> io::Error {
    io::Error::other("the storage is not a directory")
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}
