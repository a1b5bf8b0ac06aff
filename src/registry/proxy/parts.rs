//! Whether the registry behind holds what a manifest names, and in the size that it says.

use super::Inner;
use crate::registry::{
    backend::Terms,
    error::{ErrorCode, Problem, Result},
    model::{Manifest, Part, Reference, RepositoryName},
};
use futures_util::{StreamExt as _, TryStreamExt as _, future::BoxFuture};
use serde_json::json;

/// Requests at the same time.
const ABREAST: usize = 8;

impl Inner {
    /// Everything that is missing is named at once.
    pub(super) async fn check_parts(
        &self,
        repository: &RepositoryName,
        manifest: &Manifest,
        terms: &Terms,
    ) -> Result<()> {
        let mut checks: Vec<BoxFuture<'_, _>> = Vec::with_capacity(manifest.parts.len());
        for part in &manifest.parts {
            checks.push(Box::pin(self.check_part(repository, part, terms)));
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
    async fn check_part(
        &self,
        repository: &RepositoryName,
        part: &Part,
        terms: &Terms,
    ) -> Result<Option<String>> {
        let (descriptor, size) = match part {
            Part::Blob(descriptor) => {
                (descriptor, self.blob_size(repository, &descriptor.digest, terms).await?)
            }
            Part::Manifest(descriptor) => {
                let reference = Reference::Digest(descriptor.digest.clone());
                match self.find_manifest(repository, &reference, terms).await? {
                    Some(found) => (descriptor, Some(found.length)),
                    // An index may list blobs too.
                    None => (descriptor, self.blob_size(repository, &descriptor.digest, terms).await?),
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
