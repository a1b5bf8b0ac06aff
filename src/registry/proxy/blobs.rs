//! Blobs of the registry behind.

use super::{
    Inner,
    answer::{About, problem, relay},
    client::{Ask, Redirects},
    failure::Failure,
    login::Access,
};
use crate::registry::{
    backend::{Body, Terms, empty},
    error::{ErrorCode, Problem, Result},
    model::{BlobRange, Digest, RepositoryName, blob_range, if_none_match, media_type::OCTET_STREAM},
    respond::{Answer, CONTENT_DIGEST},
    uploading::length_of,
};
use http::{HeaderMap, Method, Response, StatusCode, header};

impl Inner {
    pub(super) async fn head_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        terms: &Terms,
    ) -> Result<Response<Body>> {
        let size = self.blob_size(repository, digest, terms).await?.ok_or_else(|| About::Blob.unknown())?;
        Ok(described(StatusCode::OK, digest).length(size).done())
    }

    pub(super) async fn get_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        headers: &HeaderMap,
        terms: &Terms,
    ) -> Result<Response<Body>> {
        let is_conditional =
            headers.contains_key(header::RANGE) || headers.contains_key(header::IF_NONE_MATCH);
        let mut wanted = HeaderMap::new();
        if is_conditional {
            // Registries differ in what they make of ranges, and some of their refusals cannot be read.
            let size =
                self.blob_size(repository, digest, terms).await?.ok_or_else(|| About::Blob.unknown())?;
            if if_none_match(headers, digest) {
                return Ok(described(StatusCode::NOT_MODIFIED, digest).done());
            }
            match blob_range(headers, size, &format!("\"{digest}\"")) {
                BlobRange::Whole => {}
                BlobRange::Part(range) => {
                    let range = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
                    wanted.extend(range.parse().ok().map(|range| (header::RANGE, range)));
                }
                BlobRange::Unsatisfiable => {
                    let problem = Problem::new(ErrorCode::RangeInvalid, format!("the blob has {size} bytes"));
                    return Err(problem.header(header::CONTENT_RANGE, &format!("bytes */{size}")));
                }
            }
        }
        let answer = self.fetch_blob(Method::GET, repository, digest, wanted, terms).await?;
        let (parts, body) = answer.into_parts();
        let carried = [header::CONTENT_RANGE, header::CONTENT_LENGTH];
        match parts.status {
            status @ (StatusCode::OK | StatusCode::PARTIAL_CONTENT) => {
                let mut answer = described(status, digest).done();
                answer.headers_mut().extend(relay(status, &parts.headers, &carried).done().headers().clone());
                *answer.body_mut() = body;
                Ok(answer)
            }
            status if status.is_redirection() => {
                Ok(relay(status, &parts.headers, &[header::LOCATION]).length(0).done())
            }
            _ => Err(problem(Response::from_parts(parts, body), About::Blob).await),
        }
    }

    pub(super) async fn delete_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        terms: &Terms,
    ) -> Result<Response<Body>> {
        let access = Access::delete(repository, terms.subject.as_ref());
        let answer = self.client.ask(Ask::new(Method::DELETE, target(repository, digest), access)).await?;
        match answer.status() {
            StatusCode::ACCEPTED | StatusCode::OK | StatusCode::NO_CONTENT => {
                Ok(Answer::new(StatusCode::ACCEPTED).length(0).done())
            }
            _ => Err(problem(answer, About::Blob).await),
        }
    }

    /// `None` when the repository does not hold it.
    pub(super) async fn blob_size(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        terms: &Terms,
    ) -> Result<Option<u64>> {
        let access = Access::pull(repository, terms.subject.as_ref());
        let answer = self.client.ask(Ask::new(Method::HEAD, target(repository, digest), access)).await?;
        let answer = match is_redirect(&answer) {
            true => self.client.follow(&Method::HEAD, &HeaderMap::new(), answer).await?,
            false => answer,
        };
        match answer.status() {
            StatusCode::OK => match length_of(answer.headers()) {
                Some(length) => Ok(Some(length)),
                None => Err(Failure::Strange("a blob without a length").into()),
            },
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(problem(answer, About::Blob).await),
        }
    }

    async fn fetch_blob(
        &self,
        method: Method,
        repository: &RepositoryName,
        digest: &Digest,
        headers: HeaderMap,
        terms: &Terms,
    ) -> Result<Response<Body>> {
        let access = Access::pull(repository, terms.subject.as_ref());
        let mut ask = Ask::new(method.clone(), target(repository, digest), access);
        ask.headers = headers.clone();
        let answer = self.client.ask(ask).await?;
        match (is_redirect(&answer), self.client.redirects) {
            (true, Redirects::Follow) => Ok(self.client.follow(&method, &headers, answer).await?),
            (true, Redirects::Pass) => Ok(answer.map(|_| empty())),
            (false, _) => Ok(answer),
        }
    }
}

fn is_redirect(answer: &Response<Body>) -> bool {
    answer.status().is_redirection() && answer.headers().contains_key(header::LOCATION)
}

fn target(repository: &RepositoryName, digest: &Digest) -> String {
    format!("/v2/{repository}/blobs/{digest}")
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
