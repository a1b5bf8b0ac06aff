//! What is remembered of an upload, beside its bytes.

use super::super::{
    layout,
    storage::{self, Storage, StorageError},
};
use crate::{
    core::id::UploadId,
    registry::model::{Algorithm, RepositoryName},
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Session {
    repository: String,
    algorithm: String,
    /// Who began it, and who alone may go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// Changes with every save of a bucket's session.
    #[serde(default)]
    pub stamp: u64,
    /// The bucket's name for the object that is put together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multipart: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartEntry>,
    /// Bytes after the parts, in an object of their own.
    #[serde(default)]
    pub tail: u64,
    /// The object was put together: it is whole, and takes no more bytes.
    #[serde(default)]
    pub is_sealed: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PartEntry {
    pub id: String,
    pub size: u64,
}

impl Session {
    pub fn new(repository: &RepositoryName, algorithm: Algorithm, subject: Option<&str>) -> Self {
        Self {
            repository: repository.to_string(),
            algorithm: algorithm.as_str().to_owned(),
            subject: subject.map(str::to_owned),
            stamp: 0,
            multipart: None,
            parts: Vec::new(),
            tail: 0,
            is_sealed: false,
        }
    }

    pub async fn load(storage: &Storage, upload: UploadId) -> storage::Result<Option<Self>> {
        let path = layout::session(upload);
        let Some(bytes) = storage.get(&path).await? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|_| StorageError::Corrupt(path))
    }

    pub async fn save(&mut self, storage: &Storage, upload: UploadId) -> storage::Result<()> {
        self.stamp = rand::random();
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        storage.put(&layout::session(upload), bytes).await
    }

    /// One that nobody in particular began is everybody's.
    pub fn is_of(&self, repository: &RepositoryName, subject: Option<&str>) -> bool {
        let is_own = self.subject.is_none() || self.subject.as_deref() == subject;
        is_own && self.repository == repository.as_str()
    }

    pub fn algorithm(&self) -> Algorithm {
        self.algorithm.parse().unwrap_or_default()
    }

    /// Bytes in the parts.
    pub fn in_parts(&self) -> u64 {
        self.parts.iter().map(|part| part.size).sum()
    }

    pub fn length(&self) -> u64 {
        self.in_parts() + self.tail
    }
}
