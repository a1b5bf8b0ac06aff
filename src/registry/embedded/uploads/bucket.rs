//! Uploads to a bucket: bytes become parts of one object as soon as there are enough of them; the rest waits in an
//! object of its own. The session tells which count. Small blobs never see parts.

use super::{
    super::{
        layout, read,
        storage::{Kind, Storage, StorageError},
    },
    Appended, End, Held, data, destination, empty_stream,
    session::{PartEntry, Session},
};
use crate::{
    core::id::UploadId,
    registry::{
        backend::{Body, BoxError},
        error::{ErrorCode, Problem},
        model::{Digest, Hasher},
    },
};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream::BoxStream};
use object_store::{
    PutPayload,
    multipart::{MultipartStore, PartId},
    path::Path,
};
use std::{io, sync::Arc};

const MIB: u64 = 1_024 * 1_024;
/// All parts but the last have at least as much.
const LEAST_PART: u64 = 5 * MIB;
/// More than that a bucket does not copy at once.
const LARGEST_COPY: u64 = 5 * 1_024 * MIB;

type Parts = Arc<dyn MultipartStore>;

/// Grows, because there are at most ten thousand.
const fn part_size(index: usize) -> u64 {
    8 * MIB * (1 + index as u64 / 1_000)
}

pub(super) async fn append(held: &mut Held, hasher: Option<Hasher>, body: Body) -> Result<Appended, Problem> {
    if held.session.is_sealed {
        return Err(Problem::new(
            ErrorCode::BlobUploadInvalid,
            "the upload is complete; close it with a PUT",
        ));
    }
    let old_tail = tail_path(held);
    let mut writer = Writer { buffer: read_tail(held).await?, hasher, held };
    let (mut count, mut end) = (0, End::Whole);
    let mut data = data(body);
    while let Some(piece) = data.next().await {
        let Ok(piece) = piece else {
            end = End::Cut;
            break;
        };
        count += piece.len() as u64;
        writer.write(&piece).await?;
    }
    writer.finish().await?;
    if let Some(path) = old_tail.filter(|path| tail_path(held).as_ref() != Some(path)) {
        held.storage.delete(&path).await?;
    }
    Ok(Appended { count, end })
}

struct Writer<'a> {
    held: &'a mut Held,
    hasher: Option<Hasher>,
    /// What follows the last part.
    buffer: BytesMut,
}

impl Writer<'_> {
    async fn write(&mut self, piece: &[u8]) -> Result<(), StorageError> {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(piece);
        }
        self.buffer.extend_from_slice(piece);
        let size = part_size(self.held.session.parts.len());
        if self.buffer.len() as u64 >= size {
            let part = self.buffer.split().freeze();
            put_part(self.held, part).await?;
        }
        Ok(())
    }

    async fn finish(self) -> Result<(), StorageError> {
        let Self { held, hasher, buffer } = self;
        let rest = buffer.freeze();
        if rest.len() as u64 >= LEAST_PART {
            put_part(held, rest).await?;
        } else {
            held.session.tail = rest.len() as u64;
            if let Some(path) = tail_path(held) {
                held.storage.put(&path, rest).await?;
            }
            held.session.save(&held.storage, held.upload).await?;
        }
        if let Some(hasher) = hasher {
            let (offset, stamp) = (held.session.length(), held.session.stamp);
            *held.running = Some(super::Running { hasher, offset, stamp });
        }
        Ok(())
    }
}

/// Adds a part that takes in the tail.
async fn put_part(held: &mut Held, bytes: Bytes) -> Result<(), StorageError> {
    let parts = parts_of(&held.storage)?;
    let staged = layout::staged(held.upload);
    let id = match &held.session.multipart {
        Some(id) => id.clone(),
        None => parts.create_multipart(&staged).await?,
    };
    held.session.multipart = Some(id.clone());
    let size = bytes.len() as u64;
    let putting = parts.put_part(&staged, &id, held.session.parts.len(), PutPayload::from_bytes(bytes));
    let part = held.storage.timed("PutContent", putting).await?;
    held.session.parts.push(PartEntry { id: part.content_id, size });
    held.session.tail = 0;
    held.session.save(&held.storage, held.upload).await
}

fn tail_path(held: &Held) -> Option<Path> {
    (held.session.tail > 0).then(|| layout::tail(held.upload, held.session.in_parts()))
}

async fn read_tail(held: &Held) -> Result<BytesMut, StorageError> {
    let Some(path) = tail_path(held) else { return Ok(BytesMut::new()) };
    let bytes = held.storage.get(&path).await?.ok_or_else(|| StorageError::Corrupt(path.clone()))?;
    if bytes.len() as u64 != held.session.tail {
        return Err(StorageError::Corrupt(path));
    }
    Ok(BytesMut::from(bytes.as_ref()))
}

/// Puts the object together, if it has parts.
async fn seal(held: &mut Held) -> Result<(), StorageError> {
    let (Some(id), false) = (held.session.multipart.clone(), held.session.is_sealed) else { return Ok(()) };
    let old_tail = tail_path(held);
    let rest = read_tail(held).await?;
    if !rest.is_empty() {
        put_part(held, rest.freeze()).await?;
    }
    let ids = held.session.parts.iter().map(|part| PartId { content_id: part.id.clone() }).collect();
    parts_of(&held.storage)?.complete_multipart(&layout::staged(held.upload), &id, ids).await?;
    held.session.is_sealed = true;
    held.session.save(&held.storage, held.upload).await?;
    if let Some(path) = old_tail {
        held.storage.delete(&path).await?;
    }
    Ok(())
}

/// All bytes, read back.
pub(super) async fn stream(
    held: &mut Held,
) -> Result<BoxStream<'static, Result<Bytes, BoxError>>, StorageError> {
    if held.session.multipart.is_none() {
        let bytes = read_tail(held).await?.freeze();
        return Ok(futures_util::stream::once(async { Ok(bytes) }).boxed());
    }
    seal(held).await?;
    let opened = held.storage.open(&layout::staged(held.upload), None).await?;
    Ok(opened.map_or_else(empty_stream, read::bytes))
}

pub(super) async fn publish(held: &mut Held, digest: &Digest) -> Result<(), StorageError> {
    let content = destination(digest);
    if held.session.multipart.is_none() {
        let bytes = read_tail(held).await?.freeze();
        held.storage.put(&content, bytes).await?;
    } else {
        seal(held).await?;
        let staged = layout::staged(held.upload);
        if held.session.length() <= LARGEST_COPY {
            held.storage.copy(&staged, &content).await?;
        } else {
            held.storage.timed("Move", copy_in_parts(&held.storage, &staged, &content)).await?;
        }
    }
    Ok(())
}

async fn copy_in_parts(storage: &Storage, from: &Path, to: &Path) -> Result<(), StorageError> {
    let opened = storage.open(from, None).await?.ok_or_else(|| StorageError::Corrupt(from.clone()))?;
    let parts = parts_of(storage)?;
    let id = parts.create_multipart(to).await?;
    let mut ids = Vec::new();
    let mut buffer = BytesMut::new();
    let mut stream = read::bytes(opened);
    loop {
        let piece = stream.next().await.transpose().map_err(io::Error::other)?;
        let is_end = piece.is_none();
        buffer.extend_from_slice(&piece.unwrap_or_default());
        if buffer.len() as u64 >= part_size(ids.len()) || (is_end && !buffer.is_empty()) {
            let payload = PutPayload::from_bytes(buffer.split().freeze());
            ids.push(parts.put_part(to, &id, ids.len(), payload).await?);
        }
        if is_end {
            parts.complete_multipart(to, &id, ids).await?;
            return Ok(());
        }
    }
}

pub(super) async fn discard(storage: &Storage, parts: &Parts, upload: UploadId) -> Result<(), StorageError> {
    let session = Session::load(storage, upload).await?;
    if let Some(session) = session {
        if let (Some(id), false) = (&session.multipart, session.is_sealed) {
            // One that is gone already is what we want.
            let _ = parts.abort_multipart(&layout::staged(upload), id).await;
        }
        if session.is_sealed {
            storage.delete(&layout::staged(upload)).await?;
        }
        if session.tail > 0 {
            storage.delete(&layout::tail(upload, session.in_parts())).await?;
        }
    }
    storage.delete(&layout::session(upload)).await?;
    Ok(())
}

fn parts_of(storage: &Storage) -> Result<&Parts, StorageError> {
    match &storage.kind {
        Kind::Bucket(parts) => Ok(parts),
        Kind::Directory(_) => Err(io::Error::other("the storage is not a bucket").into()),
    }
}
