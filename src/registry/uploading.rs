//! What is said of uploads, whichever backend takes them: what a client may send, and what it is answered.

use super::{
    backend::{Body, BoxError},
    error::{ErrorCode, Problem, Result},
    model::{ChunkRange, Digest, RepositoryName, media_type::OCTET_STREAM, media_type::essence},
    respond::{Answer, CONTENT_DIGEST, UPLOAD_UUID},
};
use crate::core::id::UploadId;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http::{HeaderMap, Response, StatusCode, header};
use http_body::Body as _;
use std::time::Duration;

/// How long a request waits for one on the same upload, which is mostly a connection that just broke.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// The data of a body.
pub fn data(body: Body) -> impl Stream<Item = std::result::Result<Bytes, BoxError>> + Send + Unpin {
    http_body_util::BodyStream::new(body).filter_map(|frame| {
        let data = frame.map(|frame| frame.into_data().ok());
        std::future::ready(data.transpose())
    })
}

/// Where a chunk says it belongs, checked before a byte of it is read.
pub fn chunk(
    repository: &RepositoryName,
    upload: UploadId,
    offset: u64,
    headers: &HeaderMap,
) -> Result<Option<ChunkRange>> {
    let Some(chunk) = ChunkRange::of(headers)? else { return Ok(None) };
    if chunk.first != offset {
        let message = format!("the chunk begins at {}, but the upload is at {offset}", chunk.first);
        return Err(Problem::new(ErrorCode::RangeInvalid, message)
            .header(header::LOCATION, &location(repository, upload))
            .header(header::RANGE, &received(offset))
            .header(UPLOAD_UUID, &upload.to_string()));
    }
    match length_of(headers) {
        Some(said) if said != chunk.length => Err(wrong_length(chunk.length, said)),
        _ => Ok(Some(chunk)),
    }
}

/// After its end: whether it was as long as it said.
pub fn check_length(chunk: Option<ChunkRange>, count: u64) -> Result<()> {
    match chunk {
        Some(chunk) if chunk.length != count => Err(wrong_length(chunk.length, count)),
        _ => Ok(()),
    }
}

pub fn length_of(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

pub fn broke_off() -> Problem {
    Problem::new(ErrorCode::BlobUploadInvalid, "the body broke off before its end")
}

pub fn unknown() -> Problem {
    Problem::new(ErrorCode::BlobUploadUnknown, "the repository has no such upload")
}

pub fn busy() -> Problem {
    Problem::new(ErrorCode::Unavailable, "another request is using this upload")
        .header(header::RETRY_AFTER, "1")
}

fn wrong_length(range: u64, body: u64) -> Problem {
    let message = format!("Content-Range has {range} bytes, the body {body}");
    Problem::new(ErrorCode::SizeInvalid, message)
}

/// The start of an upload has no content: parameters of a mount that hide in a form are not looked for.
pub async fn refuse_content(headers: &HeaderMap, body: Body) -> Result<()> {
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

pub fn require_octets(headers: &HeaderMap, body: &Body) -> Result<()> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(essence);
    if body.is_end_stream() || kind.as_deref() == Some(OCTET_STREAM) {
        return Ok(());
    }
    let message = "a blob that is sent at once has Content-Type: application/octet-stream";
    Err(Problem::new(ErrorCode::BlobUploadInvalid, message))
}

pub fn created(repository: &RepositoryName, digest: &Digest) -> Response<Body> {
    Answer::new(StatusCode::CREATED)
        .header(header::LOCATION, format!("/v2/{repository}/blobs/{digest}"))
        .header(CONTENT_DIGEST, digest.to_string())
        .length(0)
        .done()
}

pub fn progress(status: StatusCode, repository: &RepositoryName, upload: UploadId, offset: u64) -> Answer {
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
