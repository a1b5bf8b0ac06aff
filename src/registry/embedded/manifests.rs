//! Manifests of a repository.

use super::{
    Inner, accepted,
    cache::{Known, What},
    layout,
    links::{Link as _, ManifestLink},
    tags::ABREAST,
};
use crate::registry::{
    backend::{Body, Terms, empty},
    error::{ErrorCode, Problem, Result},
    model::{Accepted, Digest, Manifest, Part, Reference, RepositoryName, Tag},
    reading::read_manifest,
    respond::{manifest_created, manifest_described},
};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, future::BoxFuture};
use http::{HeaderMap, Response, StatusCode, header};
use serde_json::json;

impl Inner {
    pub(super) async fn get_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
        headers: &HeaderMap,
    ) -> Result<Response<Body>> {
        let digest = self.resolve(repository, reference).await?.ok_or_else(|| unknown(reference))?;
        let known = self.manifest_known(repository, &digest).await?.ok_or_else(|| unknown(reference))?;
        let media_type = known.media_type.as_deref().unwrap_or_default();
        if !Accepted::of(headers).takes(media_type) {
            let message =
                format!("the manifest is of type {media_type}, which the Accept header does not take");
            return Err(Problem::new(ErrorCode::ManifestUnknown, message));
        }
        let (status, answer) = manifest_described(reference, &digest, media_type, headers);
        if status == StatusCode::NOT_MODIFIED {
            return Ok(answer.done());
        }
        let bytes = self.storage.get(&layout::content(&digest)).await?.ok_or_else(|| unknown(reference))?;
        Ok(answer.whole(bytes))
    }

    pub(super) async fn head_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
        headers: &HeaderMap,
    ) -> Result<Response<Body>> {
        let answer = self.get_manifest(repository, reference, headers).await?;
        Ok(answer.map(|_| empty()))
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

        for tag in &names {
            self.check_pin(repository, tag, &digest, terms).await?;
        }
        self.gate.pass(self.store(repository, &manifest, &digest, &bytes, &names, terms)).await?;

        let subject = manifest.subject.as_ref().map(|subject| &subject.digest);
        Ok(manifest_created(repository, &digest, subject, tags))
    }

    /// With the gate held, for the parts must be there as long as nothing but this needs them.
    async fn store(
        &self,
        repository: &RepositoryName,
        manifest: &Manifest,
        digest: &Digest,
        bytes: &Bytes,
        names: &[Tag],
        terms: &Terms,
    ) -> Result<()> {
        self.check_parts(repository, manifest).await?;
        self.watch.note(digest);
        self.storage.put(&layout::content(digest), bytes.clone()).await?;
        if let Some(subject) = &manifest.subject {
            self.note_referrer(repository, &subject.digest, manifest, digest, bytes.len()).await?;
        }
        let link = ManifestLink {
            media_type: manifest.media_type.to_owned(),
            size: bytes.len() as u64,
            subject: manifest.subject.as_ref().map(|subject| subject.digest.clone()),
            condemned: None,
        };
        self.storage.put(&layout::manifest_link(repository, digest), link.bytes()).await?;
        for tag in names {
            self.write_tag(repository, tag, digest, terms).await?;
        }
        Ok(())
    }

    /// By tag, the tag goes. By digest, the manifest goes, and with it the tags that name it.
    pub(super) async fn delete_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Response<Body>> {
        let digest = match reference {
            Reference::Tag(tag) => {
                let was_there = self.storage.remove(&layout::tag(repository, tag)).await?;
                return if was_there { Ok(accepted()) } else { Err(unknown(reference)) };
            }
            Reference::Digest(digest) => digest,
        };
        let link = self.manifest_link(repository, digest).await?.ok_or_else(|| unknown(reference))?;
        for (tag, _) in self.all_tags(repository).await?.into_iter().filter(|(_, named)| named == digest) {
            self.storage.delete(&layout::tag(repository, &tag)).await?;
        }
        self.unlink_manifest(repository, digest, &link).await?;
        Ok(accepted())
    }

    pub(super) async fn unlink_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        link: &ManifestLink,
    ) -> Result<()> {
        self.storage.delete(&layout::manifest_link(repository, digest)).await?;
        if let Some(subject) = &link.subject {
            self.storage.delete(&layout::referrer(repository, subject, digest)).await?;
        }
        self.descriptors.forget(What::Manifest, repository, digest).await;
        Ok(())
    }

    async fn manifest_known(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<Known>> {
        if let Some(known) = self.descriptors.get(What::Manifest, repository, digest).await {
            return Ok(Some(known));
        }
        let path = layout::manifest_link(repository, digest);
        let Some(link) = self.gate.pass(self.use_link::<ManifestLink>(&path)).await? else { return Ok(None) };
        let known = Known { size: link.size, media_type: Some(link.media_type.into()) };
        self.descriptors.put(What::Manifest, repository, digest, known.clone()).await;
        Ok(Some(known))
    }

    pub(super) async fn manifest_link(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<ManifestLink>> {
        let path = layout::manifest_link(repository, digest);
        let Some(bytes) = self.storage.get(&path).await? else { return Ok(None) };
        Ok(Some(ManifestLink::read(&path, &bytes)?))
    }

    /// The stored document of a manifest, read again.
    pub(super) async fn stored_manifest(
        &self,
        link: &ManifestLink,
        digest: &Digest,
    ) -> Result<Option<Manifest>> {
        let Some(bytes) = self.storage.get(&layout::content(digest)).await? else { return Ok(None) };
        Manifest::parse(Some(&link.media_type), &bytes).map(Some)
    }

    /// Everything that is missing is named at once.
    async fn check_parts(&self, repository: &RepositoryName, manifest: &Manifest) -> Result<()> {
        let mut checks: Vec<BoxFuture<'_, _>> = Vec::with_capacity(manifest.parts.len());
        for part in &manifest.parts {
            checks.push(Box::pin(self.check_part(repository, part)));
        }
        let outcomes: Vec<_> = futures_util::stream::iter(checks).buffered(ABREAST).try_collect().await?;
        let missing: Vec<_> = outcomes.into_iter().flatten().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!("the manifest names what the repository does not hold: {}", missing.join(", "));
        Err(Problem::new(ErrorCode::ManifestBlobUnknown, message).detail(json!({"missing": missing})))
    }

    /// The digest of a part that is not there.
    async fn check_part(&self, repository: &RepositoryName, part: &Part) -> Result<Option<String>> {
        let (descriptor, size) = match part {
            Part::Blob(descriptor) => {
                (descriptor, self.fresh_blob_size(repository, &descriptor.digest).await?)
            }
            Part::Manifest(descriptor) => {
                let path = layout::manifest_link(repository, &descriptor.digest);
                let link = self.use_link::<ManifestLink>(&path).await?;
                match link {
                    Some(link) => (descriptor, Some(link.size)),
                    // An index may list blobs too.
                    None => (descriptor, self.fresh_blob_size(repository, &descriptor.digest).await?),
                }
            }
        };
        match size {
            None => Ok(Some(descriptor.digest.to_string())),
            Some(size) if size != descriptor.size => {
                let (digest, said) = (&descriptor.digest, descriptor.size);
                let message = format!("the manifest says that {digest} has {said} bytes; it has {size}");
                Err(Problem::new(ErrorCode::ManifestInvalid, message))
            }
            Some(_) => Ok(None),
        }
    }
}

fn unknown(reference: &Reference) -> Problem {
    Problem::new(ErrorCode::ManifestUnknown, "the repository has no such manifest")
        .detail(json!({"reference": reference.to_string()}))
}
