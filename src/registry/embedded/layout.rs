//! Where everything lies. Components of repository names never begin with `_`, so the folders below a repository
//! cannot be taken for another one.
//!
//! ```text
//! .healthcheck                                         there as long as the storage is
//! blobs/sha256/ab/<hex>                                content: layers, configs, manifests
//! repositories/<name>/_blobs/sha256-<hex>              the repository holds this blob
//! repositories/<name>/_manifests/sha256-<hex>          … this manifest
//! repositories/<name>/_tags/<tag>                      the digest that the tag names
//! repositories/<name>/_referrers/sha256-<hex>/<…>      descriptors of the manifests that refer to <hex>
//! uploads/<id>/session.json, data or tail              an upload under way
//! ```

use crate::{
    core::id::UploadId,
    registry::model::{Algorithm, Digest, RepositoryName, Tag},
};
use object_store::path::Path;

pub(super) const SENTINEL: &str = ".healthcheck";
const REPOSITORIES: &str = "repositories";
const BLOBS: &str = "blobs";
const UPLOADS: &str = "uploads";

pub(super) fn sentinel() -> Path {
    Path::from(SENTINEL)
}

pub(super) fn content(digest: &Digest) -> Path {
    let (algorithm, hex) = (digest.algorithm().as_str(), digest.hex());
    Path::from(format!("{BLOBS}/{algorithm}/{}/{hex}", hex.get(..2).unwrap_or_default()))
}

pub(super) fn contents() -> Path {
    Path::from(BLOBS)
}

/// The digest of a path that `content` made.
pub(super) fn digest_of_content(path: &Path) -> Option<Digest> {
    let mut parts = path.parts().skip(1);
    let algorithm: Algorithm = parts.next()?.as_ref().parse().ok()?;
    let hex = parts.nth(1)?;
    format!("{}:{}", algorithm.as_str(), hex.as_ref()).parse().ok()
}

pub(super) fn repositories() -> Path {
    Path::from(REPOSITORIES)
}

/// The name of the repository whose folder this is.
pub(super) fn repository_of(path: &Path) -> Option<RepositoryName> {
    path.as_ref().strip_prefix(REPOSITORIES)?.strip_prefix('/')?.parse().ok()
}

pub(super) fn repository(name: &RepositoryName) -> Path {
    Path::from(format!("{REPOSITORIES}/{name}"))
}

/// All repositories whose names begin with this part.
pub(super) fn namespace(name: &str) -> Path {
    Path::from(format!("{REPOSITORIES}/{name}"))
}

/// What a link to a blob or a manifest names.
pub(super) fn digest_of_link(path: &Path) -> Option<Digest> {
    let mut parts: Vec<_> = path.parts().collect();
    let name = parts.pop()?;
    let is_link = parts.last().is_some_and(|folder| matches!(folder.as_ref(), "_blobs" | "_manifests"));
    is_link.then(|| Digest::from_dashed(name.as_ref()))?
}

pub(super) fn blob_links(name: &RepositoryName) -> Path {
    Path::from(format!("{REPOSITORIES}/{name}/_blobs"))
}

pub(super) fn blob_link(name: &RepositoryName, digest: &Digest) -> Path {
    Path::from(format!("{REPOSITORIES}/{name}/_blobs/{}", digest.dashed()))
}

pub(super) fn manifest_links(name: &RepositoryName) -> Path {
    Path::from(format!("{REPOSITORIES}/{name}/_manifests"))
}

pub(super) fn manifest_link(name: &RepositoryName, digest: &Digest) -> Path {
    Path::from(format!("{REPOSITORIES}/{name}/_manifests/{}", digest.dashed()))
}

pub(super) fn tags(name: &RepositoryName) -> Path {
    Path::from(format!("{REPOSITORIES}/{name}/_tags"))
}

pub(super) fn tag(name: &RepositoryName, tag: &Tag) -> Path {
    Path::from(format!("{REPOSITORIES}/{name}/_tags/{tag}"))
}

pub(super) fn referrers(name: &RepositoryName, subject: &Digest) -> Path {
    Path::from(format!("{REPOSITORIES}/{name}/_referrers/{}", subject.dashed()))
}

pub(super) fn referrer(name: &RepositoryName, subject: &Digest, referrer: &Digest) -> Path {
    Path::from(format!("{REPOSITORIES}/{name}/_referrers/{}/{}", subject.dashed(), referrer.dashed()))
}

pub(super) fn uploads() -> Path {
    Path::from(UPLOADS)
}

pub(super) fn session(upload: UploadId) -> Path {
    Path::from(format!("{UPLOADS}/{upload}/session.json"))
}

pub(super) fn staged(upload: UploadId) -> Path {
    Path::from(format!("{UPLOADS}/{upload}/data"))
}

/// What is too little for a part of an object in S3. The name tells where it begins, so that a newer one never
/// replaces the one that the session still counts on.
pub(super) fn tail(upload: UploadId, begins_at: u64) -> Path {
    Path::from(format!("{UPLOADS}/{upload}/tail-{begins_at}"))
}

pub(super) fn upload_of(path: &Path) -> Option<UploadId> {
    path.parts().nth(1)?.as_ref().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_back_to_what_they_are_for() {
        for algorithm in Algorithm::ALL {
            let digest = Digest::of(algorithm, b"x");
            assert_eq!(digest_of_content(&content(&digest)), Some(digest));
        }
        let name: RepositoryName = "a/b".parse().unwrap();
        assert_eq!(repository_of(&repository(&name)), Some(name.clone()));
        assert_eq!(repository_of(&tags(&name)), None);
        assert_eq!(tag(&name, &"v1..x".parse().unwrap()).as_ref(), "repositories/a/b/_tags/v1..x");
    }
}
