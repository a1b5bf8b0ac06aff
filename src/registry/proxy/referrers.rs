//! Manifests that refer to another one. Where the registry behind has no list of them, the index under the fallback tag
//! is kept by the gateway, as clients would have to do: the list is then also there for those who do not come this way.

use super::{
    Inner,
    answer::{About, problem, whole},
    client::Ask,
    login::Access,
    manifests::Put,
};
use crate::registry::{
    backend::{Body, Terms},
    error::{ErrorCode, Problem, Result},
    model::{
        Algorithm, Descriptor, Digest, MAX_MANIFEST_BYTES, Manifest, Reference, RepositoryName, Tag,
        media_type::OCI_INDEX,
    },
    referring,
};
use bytes::Bytes;
use http::{Method, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};

const LEASE: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(20);

type Listed = BTreeMap<Digest, Descriptor>;

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

impl Inner {
    pub(super) async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        artifact_type: Option<&str>,
        after: Option<&Digest>,
        terms: &Terms,
    ) -> Result<Response<Body>> {
        let mut all = self.native_referrers(repository, subject, terms).await?.unwrap_or_default();
        // Whoever is listed already comes first.
        for (digest, descriptor) in self.fallback(repository, subject, terms).await? {
            all.entry(digest).or_insert(descriptor);
        }
        Ok(referring::page(repository, subject, all, artifact_type, after))
    }

    /// What the registry behind lists itself; `None` when it does not know such lists.
    async fn native_referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        terms: &Terms,
    ) -> Result<Option<Listed>> {
        let access = Access::pull(repository, terms.subject.as_ref());
        let target = format!("/v2/{repository}/referrers/{subject}");
        let ask = Ask::new(Method::GET, target, access).header(header::ACCEPT, OCI_INDEX);
        let answer = self.client.ask(ask).await?;
        match answer.status() {
            StatusCode::OK => {
                let bytes = whole(answer.into_body(), MAX_MANIFEST_BYTES).await?;
                Ok(serde_json::from_slice::<Index>(&bytes).ok().map(|index| listed(index.manifests)))
            }
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::BAD_REQUEST => Ok(None),
            _ => Err(problem(answer, About::Manifest).await),
        }
    }

    /// What stands under the fallback tag. Whatever else somebody keeps there refers to nothing.
    async fn fallback(&self, repository: &RepositoryName, subject: &Digest, terms: &Terms) -> Result<Listed> {
        let Some(tag) = fallback_tag(subject) else { return Ok(Listed::new()) };
        let Some((index, _)) = self.read_manifest(repository, &Reference::Tag(tag), terms).await? else {
            return Ok(Listed::new());
        };
        let parts = index.parts.into_iter().filter_map(|part| match part {
            crate::registry::model::Part::Manifest(descriptor) => Some(descriptor),
            crate::registry::model::Part::Blob(_) => None,
        });
        Ok(listed(parts))
    }

    pub(super) async fn note_referrer(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        manifest: &Manifest,
        digest: &Digest,
        size: usize,
        terms: &Terms,
    ) -> Result<()> {
        if let Some(listed) = self.native_referrers(repository, subject, terms).await?
            && listed.contains_key(digest)
        {
            return Ok(());
        }
        let descriptor = referring::descriptor(manifest, digest, size);
        self.change_fallback(repository, subject, terms, |listed| {
            listed.insert(digest.clone(), descriptor).is_none()
        })
        .await
    }

    pub(super) async fn forget_referrer(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        digest: &Digest,
        terms: &Terms,
    ) -> Result<()> {
        self.change_fallback(repository, subject, terms, |listed| listed.remove(digest).is_some()).await
    }

    /// Writes the index anew when `change` says that it is another. Nobody else does so meanwhile.
    async fn change_fallback(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        terms: &Terms,
        change: impl FnOnce(&mut Listed) -> bool + Send,
    ) -> Result<()> {
        let Some(tag) = fallback_tag(subject) else { return Ok(()) };
        let name = format!("tag/{repository}:{tag}");
        let Some(lease) = self.leases.take(&name, LEASE, PATIENCE).await? else {
            let message = "others are writing the list of referrers; try again";
            return Err(Problem::new(ErrorCode::Unavailable, message));
        };
        let result = async {
            let mut listed = self.fallback(repository, subject, terms).await?;
            if !change(&mut listed) {
                return Ok(());
            }
            let manifests: Vec<_> = listed.into_values().collect();
            let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests});
            let bytes = Bytes::from(index.to_string());
            let digest = Digest::of(Algorithm::default(), &bytes);
            let put = Put { repository, media_type: OCI_INDEX, digest: &digest, bytes: &bytes, terms };
            self.put(&put, &Reference::Tag(tag)).await
        };
        let result = result.await;
        lease.let_go().await;
        result
    }
}

fn fallback_tag(subject: &Digest) -> Option<Tag> {
    subject.fallback_tag().parse().ok()
}

fn listed(descriptors: impl IntoIterator<Item = Descriptor>) -> Listed {
    descriptors.into_iter().map(|descriptor| (descriptor.digest.clone(), descriptor)).collect()
}
