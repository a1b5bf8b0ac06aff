//! All repositories that hold a manifest.

use super::{Inner, layout, storage};
use crate::registry::{
    backend::Body,
    error::Result,
    model::{Page, RepositoryName},
    paging,
    respond::json,
};
use http::{Response, StatusCode};
use serde_json::json;

impl Inner {
    pub(super) async fn catalog(&self, page: &Page) -> Result<Response<Body>> {
        let all = self.repositories().await?.into_iter().filter(|(_, holds)| *holds == Holds::Manifests);
        let paged = paging::page(all.map(|(name, _)| name.to_string()).collect(), page);
        let answer = json(StatusCode::OK, &json!({"repositories": paged.entries}));
        Ok(paged.link(answer, "/v2/_catalog").done())
    }

    /// Goes through the folders of names; those that begin with `_` are not names.
    pub(super) async fn repositories(&self) -> storage::Result<Vec<(RepositoryName, Holds)>> {
        let mut found = Vec::new();
        let mut open = vec![layout::repositories()];
        while let Some(folder) = open.pop() {
            let (children, _) = self.storage.children(&folder).await?;
            let (own, names): (Vec<_>, Vec<_>) = children
                .into_iter()
                .partition(|child| child.filename().is_some_and(|name| name.starts_with('_')));
            if let Some(name) = layout::repository_of(&folder).filter(|_| !own.is_empty()) {
                let has_manifests = own.iter().any(|child| child.filename() == Some("_manifests"));
                found.push((name, if has_manifests { Holds::Manifests } else { Holds::Parts }));
            }
            open.extend(names);
        }
        Ok(found)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Manifests,
    /// Of pushes that are not complete, or were deleted.
    Parts,
}
