//! Manifests of the registry behind.

use super::{
    Inner,
    answer::{About, problem, whole},
    client::Ask,
    failure::Failure,
    login::Access,
};
use crate::registry::{
    backend::{Body, Terms},
    error::{ErrorCode, Problem, Result},
    model::{
        Accepted, Digest, MAX_MANIFEST_BYTES, Manifest, Reference, RepositoryName, Tag,
        media_type::{MANIFESTS, essence},
    },
    reading::read_manifest,
    respond::{Answer, CONTENT_DIGEST, full, manifest_created, manifest_described},
};
use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode, header};
use std::time::Duration;

/// For how long a tag is one writer's. Far longer than it takes to look and to write.
const TAG_LEASE: Duration = Duration::from_secs(60);
const TAG_PATIENCE: Duration = Duration::from_secs(20);

/// A manifest that is there.
pub(super) struct Found {
    pub digest: Digest,
    pub media_type: String,
    pub length: u64,
}

impl Inner {
    pub(super) async fn get_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
        headers: &HeaderMap,
        terms: &Terms,
    ) -> Result<Response<Body>> {
        let (found, body) = self.ask_manifest(Method::GET, repository, reference, headers, terms).await?;
        let bytes = whole(body, MAX_MANIFEST_BYTES).await?;
        if Digest::of(found.digest.algorithm(), &bytes) != found.digest {
            return Err(Failure::Strange("a manifest that is not that of its digest").into());
        }
        Ok(match manifest_described(reference, &found.digest, &found.media_type, headers) {
            (StatusCode::OK, answer) => answer.whole(bytes),
            (_, answer) => answer.done(),
        })
    }

    pub(super) async fn head_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
        headers: &HeaderMap,
        terms: &Terms,
    ) -> Result<Response<Body>> {
        let (found, _) = self.ask_manifest(Method::HEAD, repository, reference, headers, terms).await?;
        Ok(match manifest_described(reference, &found.digest, &found.media_type, headers) {
            (StatusCode::OK, answer) => answer.length(found.length).done(),
            (_, answer) => answer.done(),
        })
    }

    pub(super) async fn put_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
        tags: &[Tag],
        headers: &HeaderMap,
        body: Body,
        terms: &Terms,
    ) -> Result<Response<Body>> {
        let bytes = read_manifest(body).await?;
        let content_type = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
        let manifest = Manifest::parse(content_type, &bytes)?;
        let (digest, mut names) = reference.names(&bytes)?;
        names.extend(tags.iter().cloned());
        self.check_parts(repository, &manifest, terms).await?;

        let put = Put { repository, media_type: manifest.media_type, digest: &digest, bytes: &bytes, terms };
        if names.is_empty() {
            self.put(&put, &Reference::Digest(digest.clone())).await?;
        }
        for tag in &names {
            self.put_tag(&put, tag).await?;
        }
        if let Some(subject) = &manifest.subject {
            self.note_referrer(repository, &subject.digest, &manifest, &digest, bytes.len(), terms).await?;
        }

        let subject = manifest.subject.as_ref().map(|subject| &subject.digest);
        Ok(manifest_created(repository, &digest, subject, tags))
    }

    /// Nobody else writes the tag between the look at it and the writing.
    async fn put_tag(&self, put: &Put<'_>, tag: &Tag) -> Result<()> {
        let name = format!("tag/{}:{tag}", put.repository);
        let Some(lease) = self.leases.take(&name, TAG_LEASE, TAG_PATIENCE).await? else {
            let message = format!("others are writing the tag {tag}; try again");
            return Err(Problem::new(ErrorCode::Unavailable, message));
        };
        let result = async {
            if let Some(refusal) = put.terms.pin(tag) {
                let there =
                    self.find_manifest(put.repository, &Reference::Tag(tag.clone()), put.terms).await?;
                match there {
                    Some(there) if there.digest != *put.digest => return Err(refusal.clone()),
                    _ => {}
                }
            }
            self.put(put, &Reference::Tag(tag.clone())).await
        };
        let result = result.await;
        lease.let_go().await;
        result
    }

    pub(super) async fn put(&self, put: &Put<'_>, reference: &Reference) -> Result<()> {
        let access = Access::push(put.repository, put.terms.subject.as_ref());
        let ask = Ask::new(Method::PUT, target(put.repository, reference), access)
            .header(header::CONTENT_TYPE, put.media_type)
            .header(header::CONTENT_LENGTH, &put.bytes.len().to_string())
            .body(full(put.bytes.clone()), super::upload_body::Moved::default());
        let answer = self.client.ask(ask).await?;
        if answer.status() != StatusCode::CREATED {
            return Err(problem(answer, About::Manifest).await);
        }
        // What it stored must be what was sent.
        let said = answer.headers().get(CONTENT_DIGEST).and_then(|value| value.to_str().ok());
        match said.map(str::parse::<Digest>) {
            Some(Ok(said)) if said.algorithm() != put.digest.algorithm() || said == *put.digest => Ok(()),
            None => Ok(()),
            Some(_) => {
                Err(Failure::Strange("the digest of another manifest than the one that was put").into())
            }
        }
    }

    pub(super) async fn delete_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
        terms: &Terms,
    ) -> Result<Response<Body>> {
        // What it refers to is not known any more when it is gone.
        let subject = match reference {
            Reference::Digest(digest) => self.subject_of(repository, digest, terms).await?,
            Reference::Tag(_) => None,
        };
        let access = Access::delete(repository, terms.subject.as_ref());
        let answer = self.client.ask(Ask::new(Method::DELETE, target(repository, reference), access)).await?;
        match (answer.status(), reference) {
            (StatusCode::ACCEPTED | StatusCode::OK | StatusCode::NO_CONTENT, _) => {}
            (StatusCode::BAD_REQUEST | StatusCode::METHOD_NOT_ALLOWED, Reference::Tag(_)) => {
                let message = "the registry behind cannot delete a tag alone; delete the manifest by its digest, \
                               with all of its tags";
                return Err(Problem::new(ErrorCode::Unsupported, message));
            }
            _ => return Err(problem(answer, About::Manifest).await),
        }
        if let (Some(subject), Reference::Digest(digest)) = (subject, reference) {
            self.forget_referrer(repository, &subject, digest, terms).await?;
        }
        Ok(Answer::new(StatusCode::ACCEPTED).length(0).done())
    }

    async fn subject_of(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        terms: &Terms,
    ) -> Result<Option<Digest>> {
        let manifest = self.read_manifest(repository, &Reference::Digest(digest.clone()), terms).await?;
        Ok(manifest.and_then(|(manifest, _)| manifest.subject).map(|subject| subject.digest))
    }

    /// The document, if it is there and is one that we know.
    pub(super) async fn read_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
        terms: &Terms,
    ) -> Result<Option<(Manifest, Found)>> {
        let none = HeaderMap::new();
        let (found, body) = match self.ask_manifest(Method::GET, repository, reference, &none, terms).await {
            Ok(answer) => answer,
            Err(problem) if problem.status == StatusCode::NOT_FOUND => return Ok(None),
            Err(problem) => return Err(problem),
        };
        let bytes = whole(body, MAX_MANIFEST_BYTES).await?;
        Ok(Manifest::parse(Some(&found.media_type), &bytes).ok().map(|manifest| (manifest, found)))
    }

    pub(super) async fn find_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
        terms: &Terms,
    ) -> Result<Option<Found>> {
        match self.ask_manifest(Method::HEAD, repository, reference, &HeaderMap::new(), terms).await {
            Ok((found, _)) => Ok(Some(found)),
            Err(problem) if problem.status == StatusCode::NOT_FOUND => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    async fn ask_manifest(
        &self,
        method: Method,
        repository: &RepositoryName,
        reference: &Reference,
        headers: &HeaderMap,
        terms: &Terms,
    ) -> Result<(Found, Body)> {
        let accepted = Accepted::of(headers);
        let is_head = method == Method::HEAD;
        let mut ask =
            Ask::new(method, target(repository, reference), Access::pull(repository, terms.subject.as_ref()));
        if MANIFESTS.iter().all(|kind| accepted.takes(kind)) {
            // Some registries take silence for the wish to have a type that nobody uses any more.
            for kind in MANIFESTS {
                ask = ask.header(header::ACCEPT, kind);
            }
        } else {
            // Each line by itself, as they came: some registries read only what stands in lines of their own.
            for line in headers.get_all(header::ACCEPT) {
                ask.headers.append(header::ACCEPT, line.clone());
            }
        }
        let answer = self.client.ask(ask).await?;
        if answer.status() != StatusCode::OK {
            return Err(self.no_manifest(repository, reference, answer, terms).await);
        }
        let (parts, body) = answer.into_parts();
        let text = |name| parts.headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        let media_type = essence(text(header::CONTENT_TYPE).unwrap_or_default());
        if !accepted.takes(&media_type) || !MANIFESTS.contains(&media_type.as_str()) {
            let message =
                format!("the manifest is of type {media_type}, which the Accept header does not take");
            return Err(Problem::new(ErrorCode::ManifestUnknown, message));
        }
        let length = text(header::CONTENT_LENGTH).and_then(|text| text.parse().ok());
        let digest = match reference {
            Reference::Digest(digest) => Some(digest.clone()),
            Reference::Tag(_) => text(CONTENT_DIGEST).and_then(|text| text.parse().ok()),
        };
        if let (Some(digest), Some(length)) = (&digest, length) {
            return Ok((Found { digest: digest.clone(), media_type, length }, body));
        }
        if is_head {
            return Err(Failure::Strange("a manifest without digest or length").into());
        }
        let bytes = whole(body, MAX_MANIFEST_BYTES).await?;
        let digest = digest.unwrap_or_else(|| Digest::of(Default::default(), &bytes));
        Ok((Found { digest, media_type, length: bytes.len() as u64 }, full(bytes)))
    }
}

impl Inner {
    /// Some registries fail over the digest of a blob, instead of saying that it is no manifest.
    async fn no_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
        answer: Response<Body>,
        terms: &Terms,
    ) -> Problem {
        if answer.status() == StatusCode::INTERNAL_SERVER_ERROR
            && let Reference::Digest(digest) = reference
            && let Ok(Some(_)) = self.blob_size(repository, digest, terms).await
        {
            return About::Manifest.unknown();
        }
        problem(answer, About::Manifest).await
    }
}

/// A manifest on its way.
pub(super) struct Put<'a> {
    pub repository: &'a RepositoryName,
    pub media_type: &'a str,
    pub digest: &'a Digest,
    pub bytes: &'a Bytes,
    pub terms: &'a Terms,
}

fn target(repository: &RepositoryName, reference: &Reference) -> String {
    format!("/v2/{repository}/manifests/{reference}")
}
