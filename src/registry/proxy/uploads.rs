//! Uploads to the registry behind. Bytes are handed on as they come, always by `PATCH`, and an upload is closed by an
//! empty `PUT`: so every way that clients have becomes the one that all registries know.

use super::{
    Inner,
    answer::{About, problem},
    client::Ask,
    failure::Failure,
    ledger::Held,
    login::Access,
    upload_body::orderly,
};
use crate::{
    core::id::UploadId,
    registry::{
        backend::{Body, Terms},
        error::{ErrorCode, Problem, Result},
        model::{Algorithm, Digest, Mount, RepositoryName, Start, media_type::OCTET_STREAM},
        respond::{Answer, CONTENT_DIGEST},
        uploading::{self, created, progress, refuse_content, require_octets},
    },
};
use http::{HeaderMap, Method, Response, StatusCode, header};
use http_body::Body as _;

/// What the start of an upload led to.
enum Begun {
    Mounted,
    Session(UploadId),
}

impl Inner {
    pub(super) async fn start_upload(
        &self,
        repository: &RepositoryName,
        start: &Start,
        headers: &HeaderMap,
        body: Body,
        terms: &Terms,
    ) -> Result<Response<Body>> {
        refuse_content(headers, body).await?;
        match (self.begin(repository, start, terms).await?, start) {
            (Begun::Session(upload), _) => {
                Ok(progress(StatusCode::ACCEPTED, repository, upload, 0).length(0).done())
            }
            (Begun::Mounted, Start::Mount(Mount::Granted { digest, .. })) => Ok(created(repository, digest)),
            (Begun::Mounted, _) => Err(Failure::Strange("a mount that nobody asked for").into()),
        }
    }

    async fn begin(&self, repository: &RepositoryName, start: &Start, terms: &Terms) -> Result<Begun> {
        let access = Access::push(repository, terms.subject.as_ref());
        let (access, query) = match start {
            Start::Mount(Mount::Granted { digest, from }) => {
                let pairs = [("mount", digest.to_string()), ("from", from.to_string())];
                (access.and_pull(from), query(&pairs))
            }
            Start::Session(Algorithm::Sha512) => {
                (access, query(&[("digest-algorithm", Algorithm::Sha512.as_str().to_owned())]))
            }
            Start::Session(Algorithm::Sha256) | Start::Whole(_) | Start::Mount(Mount::Asked { .. }) => {
                (access, String::new())
            }
        };
        let target = format!("/v2/{repository}/blobs/uploads/{query}");
        let answer = self.client.ask(Ask::new(Method::POST, target, access)).await?;
        match answer.status() {
            StatusCode::ACCEPTED => {
                let place = self.place(repository, &answer)?;
                Ok(Begun::Session(self.ledger.begin(repository, place, terms).await?))
            }
            StatusCode::CREATED => Ok(Begun::Mounted),
            _ => Err(problem(answer, About::Repository).await),
        }
    }

    /// `POST ?digest=` with the blob as its body.
    pub(super) async fn upload_whole(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        headers: &HeaderMap,
        body: Body,
        terms: &Terms,
    ) -> Result<Response<Body>> {
        require_octets(headers, &body)?;
        let Begun::Session(upload) = self.begin(repository, &Start::Whole(digest.clone()), terms).await?
        else {
            return Err(Failure::Strange("a mount that nobody asked for").into());
        };
        let result = self.put_upload(repository, upload, digest, headers, body, terms).await;
        if result.is_err() {
            // Nobody knows its address.
            drop(self.cancel_upload(repository, upload, terms).await);
        }
        result
    }

    /// Asked of the registry behind, which may have forgotten it.
    pub(super) async fn upload_status(
        &self,
        repository: &RepositoryName,
        upload: UploadId,
        terms: &Terms,
    ) -> Result<Response<Body>> {
        let mut held = self.ledger.hold(repository, upload, terms).await?;
        let access = Access::push(repository, terms.subject.as_ref());
        let answer = self.client.ask(Ask::new(Method::GET, held.row.place.clone(), access)).await?;
        match answer.status() {
            StatusCode::NO_CONTENT | StatusCode::ACCEPTED | StatusCode::OK => {
                if answer.headers().contains_key(header::LOCATION) {
                    let (place, received) = (self.place(repository, &answer)?, held.received());
                    self.ledger.advance(&mut held, place, received).await?;
                }
                Ok(progress(StatusCode::NO_CONTENT, repository, upload, held.received()).done())
            }
            _ => Err(self.lost(held, answer).await),
        }
    }

    pub(super) async fn patch_upload(
        &self,
        repository: &RepositoryName,
        upload: UploadId,
        headers: &HeaderMap,
        body: Body,
        terms: &Terms,
    ) -> Result<Response<Body>> {
        let held = self.ledger.hold(repository, upload, terms).await?;
        let held = self.append(repository, held, headers, body, terms).await?;
        Ok(progress(StatusCode::ACCEPTED, repository, upload, held.received()).length(0).done())
    }

    /// Takes the last bytes, then asks for the blob.
    pub(super) async fn put_upload(
        &self,
        repository: &RepositoryName,
        upload: UploadId,
        digest: &Digest,
        headers: &HeaderMap,
        body: Body,
        terms: &Terms,
    ) -> Result<Response<Body>> {
        let held = self.ledger.hold(repository, upload, terms).await?;
        let held = self.append(repository, held, headers, body, terms).await?;
        let closing = query(&[("digest", digest.to_string())]);
        let target = match held.row.place.contains('?') {
            true => format!("{}{}", held.row.place, closing.replacen('?', "&", 1)),
            false => format!("{}{closing}", held.row.place),
        };
        let access = Access::push(repository, terms.subject.as_ref());
        let ask = Ask::new(Method::PUT, target, access).header(header::CONTENT_TYPE, OCTET_STREAM);
        let answer = self.client.ask(ask).await?;
        if answer.status() != StatusCode::CREATED {
            let problem = self.lost(held, answer).await;
            return Err(match problem.code {
                ErrorCode::DigestInvalid => {
                    Problem::new(ErrorCode::DigestInvalid, format!("the blob's digest is not {digest}"))
                }
                _ => problem,
            });
        }
        let said = answer
            .headers()
            .get(CONTENT_DIGEST)
            .and_then(|value| value.to_str().ok()?.parse::<Digest>().ok());
        self.ledger.end(held).await?;
        match said {
            Some(said) if said.algorithm() == digest.algorithm() && said != *digest => {
                Err(Failure::Strange("the digest of another blob than the one that was sent").into())
            }
            _ => Ok(created(repository, digest)),
        }
    }

    pub(super) async fn cancel_upload(
        &self,
        repository: &RepositoryName,
        upload: UploadId,
        terms: &Terms,
    ) -> Result<Response<Body>> {
        let held = self.ledger.hold(repository, upload, terms).await?;
        // Distribution asks for the right to delete whenever the method is DELETE.
        let access = Access::delete(repository, terms.subject.as_ref());
        let answer = self.client.ask(Ask::new(Method::DELETE, held.row.place.clone(), access)).await?;
        match answer.status() {
            status if status.is_success() => self.ledger.end(held).await?,
            _ => return Err(self.lost(held, answer).await),
        }
        Ok(Answer::new(StatusCode::NO_CONTENT).done())
    }

    /// Adds what comes to what is there.
    async fn append(
        &self,
        repository: &RepositoryName,
        mut held: Held,
        headers: &HeaderMap,
        body: Body,
        terms: &Terms,
    ) -> Result<Held> {
        let chunk = uploading::chunk(repository, held.row.id, held.received(), headers)?;
        if body.is_end_stream() {
            return Ok(held);
        }
        let (body, moved) = orderly(body);
        let access = Access::push(repository, terms.subject.as_ref());
        // Chunked: only so can a body end well that was to be longer.
        let ask = Ask::new(Method::PATCH, held.row.place.clone(), access)
            .header(header::CONTENT_TYPE, OCTET_STREAM)
            .body(body, moved.clone());
        let answer = self.client.ask(ask).await?;
        match answer.status() {
            StatusCode::ACCEPTED | StatusCode::NO_CONTENT => {
                let (place, received) = (self.place(repository, &answer)?, held.received() + moved.bytes());
                self.ledger.advance(&mut held, place, received).await?;
            }
            _ => return Err(self.lost(held, answer).await),
        }
        if moved.is_cut() {
            return Err(uploading::broke_off());
        }
        uploading::check_length(chunk, moved.bytes())?;
        Ok(held)
    }

    /// Whether an upload goes on after the registry behind has refused a step of it: not when it does not know it any
    /// more, nor when it was closed with a digest that was not its.
    async fn lost(&self, held: Held, answer: Response<Body>) -> Problem {
        let problem = problem(answer, About::Upload).await;
        let is_over = matches!(
            problem.code,
            ErrorCode::BlobUploadUnknown | ErrorCode::BlobUploadInvalid | ErrorCode::DigestInvalid
        );
        if is_over && let Err(unnoted) = self.ledger.end(held).await {
            return unnoted;
        }
        problem
    }

    fn place(&self, repository: &RepositoryName, answer: &Response<Body>) -> Result<String> {
        let location = answer.headers().get(header::LOCATION);
        let location = location.ok_or(Failure::Strange("an upload that goes on nowhere"))?;
        Ok(self.client.own_place(location, &format!("/v2/{repository}/blobs/uploads/"))?)
    }
}

/// `?name=value&…`
fn query(pairs: &[(&str, String)]) -> String {
    let pairs = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("?{pairs}")
}
