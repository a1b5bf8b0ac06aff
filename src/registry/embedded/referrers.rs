//! Manifests that refer to another one: signatures, attestations, bills of materials.

use super::{Inner, layout, tags::ABREAST};
use crate::registry::{
    backend::Body,
    error::Result,
    model::{Descriptor, Digest, Manifest, Part, RepositoryName, media_type::OCI_INDEX},
    referring,
};
use futures_util::{StreamExt as _, TryStreamExt as _, future::BoxFuture};
use http::Response;
use std::collections::BTreeMap;

impl Inner {
    pub(super) async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        artifact_type: Option<&str>,
        after: Option<&Digest>,
    ) -> Result<Response<Body>> {
        let mut all = self.noted_referrers(repository, subject).await?;
        // Clients that do not know of the API keep an index under a tag; whoever is noted already comes first.
        for descriptor in self.fallback_referrers(repository, subject).await? {
            all.entry(descriptor.digest.clone()).or_insert(descriptor);
        }
        Ok(referring::page(repository, subject, all, artifact_type, after))
    }

    pub(super) async fn note_referrer(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        manifest: &Manifest,
        digest: &Digest,
        size: usize,
    ) -> Result<()> {
        let descriptor = referring::descriptor(manifest, digest, size);
        let bytes = serde_json::to_vec(&descriptor).unwrap_or_default();
        self.storage.put(&layout::referrer(repository, subject, digest), bytes).await?;
        Ok(())
    }

    async fn noted_referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
    ) -> Result<BTreeMap<Digest, Descriptor>> {
        let (_, objects) = self.storage.children(&layout::referrers(repository, subject)).await?;
        let mut read: Vec<BoxFuture<'_, _>> = Vec::with_capacity(objects.len());
        for object in &objects {
            read.push(Box::pin(self.storage.get(&object.path)));
        }
        let found: Vec<_> = futures_util::stream::iter(read).buffer_unordered(ABREAST).try_collect().await?;
        let descriptors =
            found.iter().flatten().filter_map(|bytes| serde_json::from_slice::<Descriptor>(bytes).ok());
        Ok(descriptors.map(|descriptor| (descriptor.digest.clone(), descriptor)).collect())
    }

    async fn fallback_referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
    ) -> Result<Vec<Descriptor>> {
        let Ok(tag) = subject.fallback_tag().parse() else { return Ok(Vec::new()) };
        let Some(digest) = self.read_tag(repository, &tag).await? else { return Ok(Vec::new()) };
        let Some(link) = self.manifest_link(repository, &digest).await? else { return Ok(Vec::new()) };
        // Whatever else somebody keeps under such a tag refers to nothing.
        let manifest =
            self.stored_manifest(&link, &digest).await?.filter(|index| index.media_type == OCI_INDEX);
        let parts = manifest.map(|index| index.parts).unwrap_or_default();
        let manifests = parts.into_iter().filter_map(|part| match part {
            Part::Manifest(descriptor) => Some(descriptor),
            Part::Blob(_) => None,
        });
        Ok(manifests.collect())
    }
}
