//! Opens the storage and makes sure that it is one.

use super::{
    Embedded, Inner, cache::Descriptors, gate::Gate, gc::Watch, layout, storage::Storage,
    storage::StorageError, uploads::Uploads,
};
use crate::{
    config::{RegistryBucket, RegistryConfig, RegistryPlace},
    core::SharedClock,
    registry::leases::Leases,
};
use object_store::aws::AmazonS3Builder;
use std::{fmt, path::PathBuf, sync::Arc};

#[derive(Debug, Clone)]
pub struct Options {
    pub place: Place,
    /// What this process shares with others; without it, it is alone with its storage.
    pub leases: Option<Leases>,
}

#[derive(Debug, Clone)]
pub enum Place {
    Directory(PathBuf),
    S3(RegistryBucket),
}

impl Options {
    /// `None` when there is no registry, or it is elsewhere.
    pub fn of(config: &RegistryConfig, leases: Leases) -> Option<Self> {
        let place = match &config.place {
            RegistryPlace::Directory(path) => Place::Directory(path.clone()),
            RegistryPlace::S3(bucket) => Place::S3(bucket.clone()),
            RegistryPlace::Upstream(_) | RegistryPlace::Off => return None,
        };
        Some(Self { place, leases: Some(leases) })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the storage of the registry ({place}) cannot be opened: {source}")]
    Storage { place: String, source: StorageError },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "directory {}", path.display()),
            Self::S3(bucket) => write!(f, "bucket {}", bucket.name),
        }
    }
}

impl Embedded {
    /// Makes the directory if it is not there, and marks the storage as one of a registry.
    pub async fn open(options: Options, clock: SharedClock) -> Result<Self, OpenError> {
        let place = options.place.to_string();
        let storage = prepare(options.place).await.map_err(|source| OpenError::Storage { place, source })?;
        let storage = Arc::new(storage);
        // A database that is a file is one process's.
        let shared = options.leases.clone().filter(Leases::are_shared);
        Ok(Self(Arc::new(Inner {
            uploads: Uploads::new(storage.clone(), clock.clone(), shared.clone()),
            storage,
            descriptors: Descriptors::new(),
            gate: Gate::new(shared),
            leases: options.leases,
            watch: Watch::default(),
            clock,
        })))
    }
}

async fn prepare(place: Place) -> Result<Storage, StorageError> {
    let storage = match place {
        Place::Directory(root) => {
            let opened = tokio::task::spawn_blocking(|| Storage::directory(root)).await;
            opened.map_err(|failure| StorageError::Io(std::io::Error::other(failure)))??
        }
        Place::S3(bucket) => Storage::bucket(Arc::new(connect(&bucket)?)),
    };
    if storage.stat(&layout::sentinel()).await?.is_none() {
        storage.put(&layout::sentinel(), "This is the storage of a container registry.\n").await?;
    }
    Ok(storage)
}

fn connect(bucket: &RegistryBucket) -> Result<object_store::aws::AmazonS3, StorageError> {
    // Without keys, those of the machine's role are asked for.
    let mut builder = AmazonS3Builder::new().with_bucket_name(&bucket.name).with_region(&bucket.region);
    if let Some(endpoint) = &bucket.endpoint {
        builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
    }
    if let Some((id, key)) = &bucket.keys {
        builder = builder.with_access_key_id(id).with_secret_access_key(key.expose());
    }
    Ok(builder.build()?)
}
