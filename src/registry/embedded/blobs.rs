//! Blobs of a repository: looked at, sent and unlinked.

use super::{
    Inner, accepted,
    cache::{Known, What},
    layout,
    links::{BlobLink, Link as _},
    read,
};
use crate::registry::{
    backend::Body,
    error::{ErrorCode, Problem, Result},
    model::{BlobRange, Digest, RepositoryName, blob_range, if_none_match, media_type::OCTET_STREAM},
    respond::{Answer, CONTENT_DIGEST},
};
use http::{HeaderMap, Response, StatusCode, header};
use object_store::path::Path;

impl Inner {
    pub(super) async fn head_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Response<Body>> {
        let size = self.blob_size(repository, digest).await?.ok_or_else(|| unknown(digest))?;
        Ok(described(StatusCode::OK, digest).length(size).done())
    }

    pub(super) async fn get_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        headers: &HeaderMap,
    ) -> Result<Response<Body>> {
        let size = self.blob_size(repository, digest).await?.ok_or_else(|| unknown(digest))?;
        if if_none_match(headers, digest) {
            return Ok(described(StatusCode::NOT_MODIFIED, digest).done());
        }
        let range = match blob_range(headers, size, &format!("\"{digest}\"")) {
            BlobRange::Whole => None,
            BlobRange::Part(range) => Some(range),
            BlobRange::Unsatisfiable => {
                let message = format!("the blob has {size} bytes");
                let problem = Problem::new(ErrorCode::RangeInvalid, message);
                return Err(problem.header(header::CONTENT_RANGE, &format!("bytes */{size}")));
            }
        };
        // Not one of no bytes, which no range describes.
        let wanted = range.clone().filter(|_| size > 0);
        let Some(content) = self.storage.open(&layout::content(digest), wanted).await? else {
            self.descriptors.forget(What::Blob, repository, digest).await;
            return Err(unknown(digest));
        };
        let length = content.range.end - content.range.start;
        let answer = match range {
            None => described(StatusCode::OK, digest),
            Some(range) => described(StatusCode::PARTIAL_CONTENT, digest)
                .header(header::CONTENT_RANGE, format!("bytes {}-{}/{size}", range.start, range.end - 1)),
        };
        Ok(answer.length(length).body(read::body(content)))
    }

    /// Unlinks it. The content stays until the collector finds that nobody else has it.
    pub(super) async fn delete_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Response<Body>> {
        let was_there = self.storage.remove(&layout::blob_link(repository, digest)).await?;
        self.descriptors.forget(What::Blob, repository, digest).await;
        if !was_there {
            return Err(unknown(digest));
        }
        Ok(accepted())
    }

    /// `None` when the repository does not hold it.
    pub(super) async fn blob_size(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<u64>> {
        if let Some(known) = self.descriptors.get(What::Blob, repository, digest).await {
            return Ok(Some(known.size));
        }
        let size = self.gate.pass(self.fresh_blob_size(repository, digest)).await?;
        if let Some(size) = size {
            self.descriptors.put(What::Blob, repository, digest, Known { size, media_type: None }).await;
        }
        Ok(size)
    }

    /// Looks at the storage itself, and keeps the blob from being collected. With the gate held.
    pub(super) async fn fresh_blob_size(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<u64>> {
        let path = layout::blob_link(repository, digest);
        let (Some(_), Some(content)) =
            (self.use_link::<BlobLink>(&path).await?, self.storage.stat(&layout::content(digest)).await?)
        else {
            return Ok(None);
        };
        Ok(Some(content.size))
    }

    /// Reads a link for somebody who needs it: one that was condemned is no longer. With the gate held.
    pub(super) async fn use_link<L: super::links::Link>(&self, path: &Path) -> Result<Option<L>> {
        let Some(bytes) = self.storage.get(path).await? else { return Ok(None) };
        let mut link = L::read(path, &bytes)?;
        if link.condemned().is_some() {
            link.set_condemned(None);
            self.storage.put(path, link.bytes()).await?;
        }
        Ok(Some(link))
    }

    /// With the gate held, after the content is there.
    pub(super) async fn link_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        size: u64,
    ) -> Result<()> {
        self.watch.note(digest);
        let link = BlobLink::new(size);
        self.storage.put(&layout::blob_link(repository, digest), link.bytes()).await?;
        Ok(())
    }
}

/// The headers of a blob or a part of it.
fn described(status: StatusCode, digest: &Digest) -> Answer {
    Answer::new(status)
        .header(header::CONTENT_TYPE, OCTET_STREAM)
        .header(CONTENT_DIGEST, digest.to_string())
        .header(header::ETAG, format!("\"{digest}\""))
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::CACHE_CONTROL, "private, max-age=31536000")
}

pub(super) fn unknown(digest: &Digest) -> Problem {
    Problem::new(ErrorCode::BlobUnknown, "the repository has no such blob")
        .detail(serde_json::json!({"digest": digest}))
}
