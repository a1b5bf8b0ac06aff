//! Tags: each a small object that names a digest, replaced as a whole.

use super::{
    Inner, layout,
    storage::{ATTEMPTS, Creation},
};
use crate::registry::{
    backend::{Body, Terms},
    error::{ErrorCode, Problem, Result},
    model::{Digest, Page, Reference, RepositoryName, Tag},
    paging,
    respond::json,
};
use futures_util::{StreamExt as _, TryStreamExt as _, future::BoxFuture};
use http::{Response, StatusCode};
use serde_json::json;

/// Small objects that are read at the same time.
pub(super) const ABREAST: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pinned {
    /// The tag may be written.
    Free,
    /// It names the digest already.
    There,
}

impl Inner {
    pub(super) async fn list_tags(&self, repository: &RepositoryName, page: &Page) -> Result<Response<Body>> {
        let (_, objects) = self.storage.children(&layout::tags(repository)).await?;
        if objects.is_empty() && !self.is_known(repository).await? {
            let problem = Problem::new(ErrorCode::NameUnknown, "there is no such repository");
            return Err(problem.detail(json!({"name": repository.as_str()})));
        }
        let all = objects.iter().filter_map(|object| object.path.filename()).map(str::to_owned).collect();
        let paged = paging::page(all, page);
        let answer = json(StatusCode::OK, &json!({"name": repository.as_str(), "tags": paged.entries}));
        Ok(paged.link(answer, &format!("/v2/{repository}/tags/list")).done())
    }

    async fn is_known(&self, repository: &RepositoryName) -> Result<bool> {
        let (folders, _) = self.storage.children(&layout::repository(repository)).await?;
        Ok(folders.iter().any(|folder| folder.filename().is_some_and(|name| name.starts_with('_'))))
    }

    pub(super) async fn resolve(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<Digest>> {
        match reference {
            Reference::Digest(digest) => Ok(Some(digest.clone())),
            Reference::Tag(tag) => self.read_tag(repository, tag).await,
        }
    }

    pub(super) async fn read_tag(&self, repository: &RepositoryName, tag: &Tag) -> Result<Option<Digest>> {
        let Some(bytes) = self.storage.get(&layout::tag(repository, tag)).await? else { return Ok(None) };
        Ok(std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok()))
    }

    /// Points the tag at the digest. One that must not move is made only if it is not there, in one step: of two who
    /// make it at the same moment, one does.
    pub(super) async fn write_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        digest: &Digest,
        terms: &Terms,
    ) -> Result<()> {
        let path = layout::tag(repository, tag);
        if terms.pin(tag).is_none() {
            self.storage.put(&path, digest.to_string()).await?;
            return Ok(());
        }
        for _ in 0..ATTEMPTS {
            if self.storage.create(&path, digest.to_string()).await? == Creation::Made {
                return Ok(());
            }
            // Unless it went away since.
            if self.check_pin(repository, tag, digest, terms).await? == Pinned::There {
                return Ok(());
            }
        }
        Err(Problem::new(ErrorCode::Unavailable, "the tag comes and goes; try again"))
    }

    /// Refuses to move a tag that must not.
    pub(super) async fn check_pin(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        digest: &Digest,
        terms: &Terms,
    ) -> Result<Pinned> {
        let Some(refusal) = terms.pin(tag) else { return Ok(Pinned::Free) };
        match self.read_tag(repository, tag).await? {
            None => Ok(Pinned::Free),
            Some(there) if there == *digest => Ok(Pinned::There),
            Some(_) => Err(refusal.clone()),
        }
    }

    /// Every tag with the digest it names.
    pub(super) async fn all_tags(&self, repository: &RepositoryName) -> Result<Vec<(Tag, Digest)>> {
        let (_, objects) = self.storage.children(&layout::tags(repository)).await?;
        let mut read: Vec<BoxFuture<'_, _>> = Vec::with_capacity(objects.len());
        for tag in objects.iter().filter_map(|object| object.path.filename()?.parse::<Tag>().ok()) {
            read.push(Box::pin(self.read_named(repository, tag)));
        }
        let found: Vec<_> = futures_util::stream::iter(read).buffer_unordered(ABREAST).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn read_named(&self, repository: &RepositoryName, tag: Tag) -> Result<Option<(Tag, Digest)>> {
        let digest = self.read_tag(repository, &tag).await?;
        Ok(digest.map(|digest| (tag, digest)))
    }
}
