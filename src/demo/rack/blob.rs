//! Uploaded content: kept while it is small, else only measured, so that uploads of any size cost no memory.

use super::reply::{self, Answer, Refusal};
use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};
use std::{
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

const MIB: u64 = 1024 * 1024;
/// The most that is kept of one upload.
pub const LARGEST_KEPT: u64 = 64 * MIB;
/// The most that is kept of all uploads together.
const SHELF: u64 = 256 * MIB;

#[derive(Debug, Clone)]
pub struct Blob {
    pub size: u64,
    /// Lower-case hex.
    pub sha256: String,
    content: Option<(Bytes, Arc<Space>)>,
}

impl Blob {
    /// The bytes, if they were kept.
    pub fn content(&self) -> Result<Bytes, Refusal> {
        let Some((content, _)) = &self.content else {
            return Err(Refusal::NotKept(format!(
                "this upload of {} bytes (sha256 {}) was measured but not kept: the demo rack keeps {} MiB of an upload and {} MiB in all",
                self.size,
                self.sha256,
                LARGEST_KEPT / MIB,
                SHELF / MIB,
            )));
        };
        Ok(content.clone())
    }

    pub fn download(&self) -> Answer {
        reply::chunked(self.content()?)
    }
}

/// Counts what all blobs of a rack keep.
#[derive(Debug, Default)]
pub struct Shelf(Arc<AtomicU64>);

impl Shelf {
    /// Reads a body to its end.
    ///
    /// # Errors
    /// [`Refusal::Body`] when the client breaks off.
    pub async fn receive<B>(&self, body: B) -> Result<Blob, Refusal>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut body = pin!(body);
        let space = Space { shelf: self.0.clone(), taken: 0 };
        let mut incoming = Intake { kept: Some(BytesMut::new()), size: 0, hash: Sha256::new(), space };
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Refusal::Body(io::Error::other(error)))?;
            if let Some(data) = frame.data_ref() {
                incoming.take(data);
            }
        }
        Ok(incoming.finish())
    }
}

struct Intake {
    kept: Option<BytesMut>,
    size: u64,
    hash: Sha256,
    space: Space,
}

impl Intake {
    fn take(&mut self, data: &Bytes) {
        self.size += data.len() as u64;
        self.hash.update(data);
        let fits = self.size <= LARGEST_KEPT && self.kept.is_some() && self.space.extend(data.len() as u64);
        match &mut self.kept {
            Some(kept) if fits => kept.extend_from_slice(data),
            _ => {
                self.kept = None;
                self.space.release();
            }
        }
    }

    fn finish(self) -> Blob {
        let space = Arc::new(self.space);
        Blob {
            size: self.size,
            sha256: hex::encode(self.hash.finalize()),
            content: self.kept.map(|kept| (kept.freeze(), space)),
        }
    }
}

/// A share of the shelf, given back when dropped.
#[derive(Debug)]
struct Space {
    shelf: Arc<AtomicU64>,
    taken: u64,
}

impl Space {
    fn extend(&mut self, by: u64) -> bool {
        let before = self.shelf.fetch_add(by, Ordering::SeqCst);
        self.taken += by;
        before + by <= SHELF
    }

    fn release(&mut self) {
        self.shelf.fetch_sub(self.taken, Ordering::SeqCst);
        self.taken = 0;
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Full;

    #[tokio::test]
    async fn keeps_small_uploads() {
        let shelf = Shelf::default();
        let blob = shelf.receive(Full::new(Bytes::from_static(b"hello"))).await.unwrap();
        assert_eq!(blob.content().unwrap(), "hello");
        assert_eq!(blob.sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        drop(blob);
        assert_eq!(shelf.0.load(Ordering::SeqCst), 0, "dropping gives the space back");
    }

    async fn receive(shelf: &Shelf, length: u64) -> Blob {
        shelf.receive(Full::new(Bytes::from(vec![0; length as usize]))).await.unwrap()
    }

    #[tokio::test]
    async fn only_measures_large_ones() {
        let shelf = Shelf::default();
        let blob = receive(&shelf, LARGEST_KEPT + 1).await;
        assert_eq!(blob.size, LARGEST_KEPT + 1);
        assert!(blob.content().unwrap_err().to_string().contains("keeps 64 MiB"));
        assert_eq!(shelf.0.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_full_shelf_keeps_nothing_more() {
        let shelf = Shelf(Arc::new(AtomicU64::new(SHELF - 1)));
        assert!(receive(&shelf, 2).await.content().is_err());
        assert!(receive(&shelf, 1).await.content().is_ok());
    }
}
