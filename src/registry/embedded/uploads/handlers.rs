//! The steps of an upload as clients take them: POST, PATCH, PUT, GET, DELETE.

use super::{super::Inner, Appended, End, Held};
use crate::{
    core::id::UploadId,
    registry::{
        backend::{Body, Terms},
        error::{ErrorCode, Problem, Result},
        model::{Digest, Mount, RepositoryName, Start},
        respond::Answer,
        uploading::{self, created, progress, refuse_content, require_octets},
    },
};
use http::{HeaderMap, Response, StatusCode};

impl Inner {
    /// A mount, or an upload in steps.
    pub(in super::super) async fn start_upload(
        &self,
        repository: &RepositoryName,
        start: &Start,
        headers: &HeaderMap,
        body: Body,
        terms: &Terms,
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
        let upload = self.uploads.start(repository, algorithm, terms).await?;
        Ok(progress(StatusCode::ACCEPTED, repository, upload, 0).length(0).done())
    }

    async fn mount(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        from: &RepositoryName,
    ) -> Result<bool> {
        let mounting = async {
            let Some(size) = self.fresh_blob_size(from, digest).await? else { return Ok(false) };
            self.link_blob(repository, digest, size).await?;
            Ok(true)
        };
        self.gate.pass(mounting).await
    }

    /// `POST ?digest=` with the blob as its body.
    pub(in super::super) async fn upload_whole(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        headers: &HeaderMap,
        body: Body,
        terms: &Terms,
    ) -> Result<Response<Body>> {
        require_octets(headers, &body)?;
        let upload = self.uploads.start(repository, digest.algorithm(), terms).await?;
        let held = self.uploads.hold(repository, upload, terms).await?;
        let result = self.finish(repository, held, digest, headers, body).await;
        if result.is_err()
            // Nobody knows its address.
            && let Err(error) = self.uploads.discard(upload).await
        {
            tracing::warn!(%error, %upload, "what is left of an upload stays until the next sweep");
        }
        result
    }

    pub(in super::super) async fn upload_status(
        &self,
        repository: &RepositoryName,
        upload: UploadId,
        terms: &Terms,
    ) -> Result<Response<Body>> {
        let held = self.uploads.hold(repository, upload, terms).await?;
        Ok(progress(StatusCode::NO_CONTENT, repository, upload, held.offset).done())
    }

    pub(in super::super) async fn patch_upload(
        &self,
        repository: &RepositoryName,
        upload: UploadId,
        headers: &HeaderMap,
        body: Body,
        terms: &Terms,
    ) -> Result<Response<Body>> {
        let mut held = self.uploads.hold(repository, upload, terms).await?;
        append(repository, &mut held, headers, body).await?;
        let offset = held.offset;
        // The next request may come to another replica.
        held.let_go().await;
        Ok(progress(StatusCode::ACCEPTED, repository, upload, offset).length(0).done())
    }

    pub(in super::super) async fn put_upload(
        &self,
        repository: &RepositoryName,
        upload: UploadId,
        digest: &Digest,
        headers: &HeaderMap,
        body: Body,
        terms: &Terms,
    ) -> Result<Response<Body>> {
        let held = self.uploads.hold(repository, upload, terms).await?;
        self.finish(repository, held, digest, headers, body).await
    }

    pub(in super::super) async fn cancel_upload(
        &self,
        repository: &RepositoryName,
        upload: UploadId,
        terms: &Terms,
    ) -> Result<Response<Body>> {
        let _held = self.uploads.hold(repository, upload, terms).await?;
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
        let publishing = async {
            held.publish(digest).await?;
            self.link_blob(repository, digest, held.offset).await
        };
        self.gate.pass(publishing).await?;
        self.uploads.discard(held.upload).await?;
        Ok(created(repository, digest))
    }
}

async fn append(repository: &RepositoryName, held: &mut Held, headers: &HeaderMap, body: Body) -> Result<()> {
    let chunk = uploading::chunk(repository, held.upload, held.offset, headers)?;
    let Appended { count, end } = held.append(body).await?;
    if end == End::Cut {
        return Err(uploading::broke_off());
    }
    uploading::check_length(chunk, count)
}
