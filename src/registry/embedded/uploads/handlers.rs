//! The steps of an upload as clients take them: POST, PATCH, PUT, GET, DELETE.

use super::{super::Inner, Appended, End, Held, data};
use crate::{
    core::id::UploadId,
    registry::{
        backend::Body,
        error::{ErrorCode, Problem, Result},
        model::{
            ChunkRange, Digest, Mount, RepositoryName, Start, media_type::OCTET_STREAM, media_type::essence,
        },
        respond::{Answer, CONTENT_DIGEST, UPLOAD_UUID},
    },
};
use futures_util::StreamExt as _;
use http::{HeaderMap, Response, StatusCode, header};
use http_body::Body as _;

impl Inner {
    /// A mount, or an upload in steps.
    pub(in super::super) async fn start_upload(
        &self,
        repository: &RepositoryName,
        start: &Start,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response<Body>> {
        refuse_content(headers, body).await?;
        let algorithm = match start {
            Start::Mount(Mount::Granted { digest, from }) => {
                if self.mount(repository, digest, from).await? {
                    return Ok(created(repository, digest));
                }
                digest.algorithm()
            }
            Start::Mount(Mount::Asked { digest, .. }) | Start::Whole(digest) => digest.algorithm(),
            Start::Session(algorithm) => *algorithm,
        };
        let upload = self.uploads.start(repository, algorithm).await?;
        Ok(progress(StatusCode::ACCEPTED, repository, upload, 0).length(0).done())
    }

    async fn mount(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        from: &RepositoryName,
    ) -> Result<bool> {
        let _open = self.gate.read().await;
        let Some(size) = self.fresh_blob_size(from, digest).await? else { return Ok(false) };
        self.link_blob(repository, digest, size).await?;
        Ok(true)
    }

    /// `POST ?digest=` with the blob as its body.
    pub(in super::super) async fn upload_whole(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response<Body>> {
        require_octets(headers, &body)?;
        let upload = self.uploads.start(repository, digest.algorithm()).await?;
        let held = self.uploads.hold(repository, upload).await?;
        let result = self.finish(repository, held, digest, headers, body).await;
        if result.is_err() {
            // Nobody knows its address.
            self.uploads.discard(upload).await?;
        }
        result
    }

    pub(in super::super) async fn upload_status(
        &self,
        repository: &RepositoryName,
        upload: UploadId,
    ) -> Result<Response<Body>> {
        let held = self.uploads.hold(repository, upload).await?;
        Ok(progress(StatusCode::NO_CONTENT, repository, upload, held.offset).done())
    }

    pub(in super::super) async fn patch_upload(
        &self,
        repository: &RepositoryName,
        upload: UploadId,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response<Body>> {
        let mut held = self.uploads.hold(repository, upload).await?;
        append(repository, &mut held, headers, body).await?;
        Ok(progress(StatusCode::ACCEPTED, repository, upload, held.offset).length(0).done())
    }

    pub(in super::super) async fn put_upload(
        &self,
        repository: &RepositoryName,
        upload: UploadId,
        digest: &Digest,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response<Body>> {
        let held = self.uploads.hold(repository, upload).await?;
        self.finish(repository, held, digest, headers, body).await
    }

    pub(in super::super) async fn cancel_upload(
        &self,
        repository: &RepositoryName,
        upload: UploadId,
    ) -> Result<Response<Body>> {
        let _held = self.uploads.hold(repository, upload).await?;
        self.uploads.discard(upload).await?;
        Ok(Answer::new(StatusCode::NO_CONTENT).done())
    }

    /// Takes the last bytes, and makes a blob of all of them if the digest is theirs. If not, the upload is over.
    async fn finish(
        &self,
        repository: &RepositoryName,
        mut held: Held,
        digest: &Digest,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response<Body>> {
        append(repository, &mut held, headers, body).await?;
        let actual = held.digest(digest.algorithm()).await?;
        if actual != *digest {
            self.uploads.discard(held.upload).await?;
            let message = format!("the blob's digest is {actual}, not {digest}");
            return Err(Problem::new(ErrorCode::DigestInvalid, message));
        }
        held.prepare(digest).await?;
        {
            let _open = self.gate.read().await;
            held.publish(digest).await?;
            self.link_blob(repository, digest, held.offset).await?;
        }
        self.uploads.discard(held.upload).await?;
        Ok(created(repository, digest))
    }
}

async fn append(repository: &RepositoryName, held: &mut Held, headers: &HeaderMap, body: Body) -> Result<()> {
    let chunk = ChunkRange::of(headers)?;
    if let Some(chunk) = chunk {
        check_chunk(repository, held, chunk, headers)?;
    }
    let Appended { count, end } = held.append(body).await?;
    if end == End::Cut {
        return Err(Problem::new(ErrorCode::BlobUploadInvalid, "the body broke off before its end"));
    }
    match chunk {
        Some(chunk) if chunk.length != count => Err(wrong_length(chunk.length, count)),
        _ => Ok(()),
    }
}

/// Before a byte is read.
fn check_chunk(
    repository: &RepositoryName,
    held: &Held,
    chunk: ChunkRange,
    headers: &HeaderMap,
) -> Result<()> {
    if chunk.first != held.offset {
        let message = format!("the chunk begins at {}, but the upload is at {}", chunk.first, held.offset);
        return Err(Problem::new(ErrorCode::RangeInvalid, message)
            .header(header::LOCATION, &location(repository, held.upload))
            .header(header::RANGE, &received(held.offset))
            .header(UPLOAD_UUID, &held.upload.to_string()));
    }
    let said = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    match said {
        Some(said) if said != chunk.length => Err(wrong_length(chunk.length, said)),
        _ => Ok(()),
    }
}

fn wrong_length(range: u64, body: u64) -> Problem {
    let message = format!("Content-Range has {range} bytes, the body {body}");
    Problem::new(ErrorCode::SizeInvalid, message)
}

/// The start of an upload has no content: parameters of a mount that hide in a form are not looked for.
async fn refuse_content(headers: &HeaderMap, body: Body) -> Result<()> {
    let mut data = data(body);
    while let Some(piece) = data.next().await {
        if piece.is_ok_and(|piece| !piece.is_empty()) {
            let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(essence);
            let mend = match kind.as_deref() {
                Some("application/x-www-form-urlencoded" | "multipart/form-data") => {
                    "write parameters into the query"
                }
                _ => "name its digest in the query, or send it to the upload's address",
            };
            let message = format!("the start of an upload takes no content; {mend}");
            return Err(Problem::new(ErrorCode::BlobUploadInvalid, message));
        }
    }
    Ok(())
}

fn require_octets(headers: &HeaderMap, body: &Body) -> Result<()> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(essence);
    if body.is_end_stream() || kind.as_deref() == Some(OCTET_STREAM) {
        return Ok(());
    }
    let message = "a blob that is sent at once has Content-Type: application/octet-stream";
    Err(Problem::new(ErrorCode::BlobUploadInvalid, message))
}

fn created(repository: &RepositoryName, digest: &Digest) -> Response<Body> {
    Answer::new(StatusCode::CREATED)
        .header(header::LOCATION, format!("/v2/{repository}/blobs/{digest}"))
        .header(CONTENT_DIGEST, digest.to_string())
        .length(0)
        .done()
}

fn progress(status: StatusCode, repository: &RepositoryName, upload: UploadId, offset: u64) -> Answer {
    Answer::new(status)
        .header(header::LOCATION, location(repository, upload))
        .header(header::RANGE, received(offset))
        .header(UPLOAD_UUID, upload.to_string())
}

fn location(repository: &RepositoryName, upload: UploadId) -> String {
    format!("/v2/{repository}/blobs/uploads/{upload}")
}

/// The last byte that is there; clients know that nothing is also written so.
fn received(offset: u64) -> String {
    format!("0-{}", offset.saturating_sub(1))
}
