//! The operations of a registry. Who may do which is decided on these values, and what a backend carries out are
//! the same values.

use super::{
    digest::{Algorithm, Digest},
    name::RepositoryName,
    reference::{Reference, Tag},
};
use crate::core::id::UploadId;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    Ping,
    Catalog {
        page: Page,
    },
    Tags {
        repository: RepositoryName,
        page: Page,
    },
    ManifestGet {
        repository: RepositoryName,
        reference: Reference,
    },
    ManifestHead {
        repository: RepositoryName,
        reference: Reference,
    },
    /// `tags` are further names for a manifest that is put by its digest.
    ManifestPut {
        repository: RepositoryName,
        reference: Reference,
        tags: Vec<Tag>,
    },
    ManifestDelete {
        repository: RepositoryName,
        reference: Reference,
    },
    BlobGet {
        repository: RepositoryName,
        digest: Digest,
    },
    BlobHead {
        repository: RepositoryName,
        digest: Digest,
    },
    BlobDelete {
        repository: RepositoryName,
        digest: Digest,
    },
    UploadStart {
        repository: RepositoryName,
        start: Start,
    },
    UploadStatus {
        repository: RepositoryName,
        upload: UploadId,
    },
    UploadPatch {
        repository: RepositoryName,
        upload: UploadId,
    },
    UploadPut {
        repository: RepositoryName,
        upload: UploadId,
        digest: Digest,
    },
    UploadCancel {
        repository: RepositoryName,
        upload: UploadId,
    },
    /// `after` is the digest that the page before ended with.
    Referrers {
        repository: RepositoryName,
        digest: Digest,
        artifact_type: Option<String>,
        after: Option<Digest>,
    },
}

/// A page of a sorted list: at most `size` entries that sort after `last`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub size: Option<u64>,
    pub last: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// An upload in steps, whose digest will be of this algorithm.
    Session(Algorithm),
    /// The whole blob is the body.
    Whole(Digest),
    Mount(Mount),
}

/// The wish to have a blob of another repository. A backend opens a plain session for one that is only asked for:
/// whoever decides must have granted it, by the right to read `from`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mount {
    Asked { digest: Digest, from: RepositoryName },
    Granted { digest: Digest, from: RepositoryName },
}

impl Operation {
    pub fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Self::Ping | Self::Catalog { .. } => None,
            Self::Tags { repository, .. }
            | Self::ManifestGet { repository, .. }
            | Self::ManifestHead { repository, .. }
            | Self::ManifestPut { repository, .. }
            | Self::ManifestDelete { repository, .. }
            | Self::BlobGet { repository, .. }
            | Self::BlobHead { repository, .. }
            | Self::BlobDelete { repository, .. }
            | Self::UploadStart { repository, .. }
            | Self::UploadStatus { repository, .. }
            | Self::UploadPatch { repository, .. }
            | Self::UploadPut { repository, .. }
            | Self::UploadCancel { repository, .. }
            | Self::Referrers { repository, .. } => Some(repository),
        }
    }

    /// The upload that it goes on with.
    pub const fn upload(&self) -> Option<UploadId> {
        match self {
            Self::UploadStatus { upload, .. }
            | Self::UploadPatch { upload, .. }
            | Self::UploadPut { upload, .. }
            | Self::UploadCancel { upload, .. } => Some(*upload),
            _ => None,
        }
    }

    /// The repository that must be readable for a mount.
    pub fn mount_source(&self) -> Option<&RepositoryName> {
        match self {
            Self::UploadStart {
                start: Start::Mount(Mount::Asked { from, .. } | Mount::Granted { from, .. }),
                ..
            } => Some(from),
            _ => None,
        }
    }

    /// To be called by whoever has decided that the source may be read.
    #[must_use]
    pub fn grant_mount(self) -> Self {
        match self {
            Self::UploadStart { repository, start: Start::Mount(Mount::Asked { digest, from }) } => {
                Self::UploadStart { repository, start: Start::Mount(Mount::Granted { digest, from }) }
            }
            other => other,
        }
    }

    /// Whether it changes what is stored.
    pub const fn is_change(&self) -> bool {
        !matches!(
            self,
            Self::Ping
                | Self::Catalog { .. }
                | Self::Tags { .. }
                | Self::ManifestGet { .. }
                | Self::ManifestHead { .. }
                | Self::BlobGet { .. }
                | Self::BlobHead { .. }
                | Self::UploadStatus { .. }
                | Self::Referrers { .. }
        )
    }

    /// The handler that the metrics of a registry know it by.
    pub const fn handler(&self) -> &'static str {
        match self {
            Self::Ping => "base",
            Self::Catalog { .. } => "catalog",
            Self::Tags { .. } => "tags",
            Self::ManifestGet { .. }
            | Self::ManifestHead { .. }
            | Self::ManifestPut { .. }
            | Self::ManifestDelete { .. }
            | Self::Referrers { .. } => "manifest",
            Self::BlobGet { .. } | Self::BlobHead { .. } | Self::BlobDelete { .. } => "blob",
            Self::UploadStart { .. } => "blob_upload",
            Self::UploadStatus { .. }
            | Self::UploadPatch { .. }
            | Self::UploadPut { .. }
            | Self::UploadCancel { .. } => "blob_upload_chunk",
        }
    }

    /// The method of its metrics, in lower case.
    pub const fn method(&self) -> &'static str {
        match self {
            Self::ManifestHead { .. } | Self::BlobHead { .. } => "head",
            Self::ManifestPut { .. } | Self::UploadPut { .. } => "put",
            Self::UploadStart { .. } => "post",
            Self::UploadPatch { .. } => "patch",
            Self::ManifestDelete { .. } | Self::BlobDelete { .. } | Self::UploadCancel { .. } => "delete",
            Self::Ping
            | Self::Catalog { .. }
            | Self::Tags { .. }
            | Self::ManifestGet { .. }
            | Self::BlobGet { .. }
            | Self::UploadStatus { .. }
            | Self::Referrers { .. } => "get",
        }
    }
}
