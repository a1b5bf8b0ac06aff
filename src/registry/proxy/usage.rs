//! How much a namespace holds at the registry behind: the sizes of all that its tagged manifests need. What no tag
//! leads to, a registry tells nobody.

use super::Inner;
use crate::registry::{
    backend::Terms,
    error::Result,
    model::{Digest, Part, Reference, RepositoryName},
};
use std::collections::HashMap;

impl Inner {
    pub(super) async fn usage(&self, namespace: &str) -> Result<u64> {
        let mut sizes = HashMap::new();
        for name in self.repositories().await? {
            let is_within = name.split('/').next() == Some(namespace);
            if let Some(repository) = is_within.then(|| name.parse::<RepositoryName>().ok()).flatten() {
                self.weigh(&repository, &mut sizes).await?;
            }
        }
        Ok(sizes.into_values().sum())
    }

    async fn weigh(&self, repository: &RepositoryName, sizes: &mut HashMap<Digest, u64>) -> Result<()> {
        let tags = match self.tags(repository).await {
            Ok(tags) => tags,
            // The catalogue may list what has no tags.
            Err(problem) if problem.status == http::StatusCode::NOT_FOUND => return Ok(()),
            Err(problem) => return Err(problem),
        };
        let terms = Terms::default();
        let mut open: Vec<_> = tags.iter().filter_map(|tag| tag.parse().ok().map(Reference::Tag)).collect();
        while let Some(reference) = open.pop() {
            if matches!(&reference, Reference::Digest(digest) if sizes.contains_key(digest)) {
                continue;
            }
            let Some((manifest, found)) = self.read_manifest(repository, &reference, &terms).await? else {
                continue;
            };
            sizes.insert(found.digest, found.length);
            for part in manifest.parts {
                match part {
                    Part::Manifest(descriptor) => open.push(Reference::Digest(descriptor.digest)),
                    Part::Blob(descriptor) => {
                        sizes.insert(descriptor.digest, descriptor.size);
                    }
                }
            }
        }
        Ok(())
    }
}
