//! Links: that a repository holds a blob or a manifest. Content is stored once and linked as often as wanted.

use super::storage::StorageError;
use crate::{core::Timestamp, registry::model::Digest};
use bytes::Bytes;
use object_store::path::Path;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BlobLink {
    pub size: u64,
    /// When nobody needed it for long, in microseconds since the epoch. Whoever uses it takes this away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condemned: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ManifestLink {
    pub media_type: String,
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condemned: Option<i64>,
}

impl BlobLink {
    pub const fn new(size: u64) -> Self {
        Self { size, condemned: None }
    }
}

pub(super) trait Link: Serialize + DeserializeOwned + Clone {
    fn condemned(&self) -> Option<Timestamp>;
    fn set_condemned(&mut self, at: Option<Timestamp>);

    fn read(path: &Path, bytes: &Bytes) -> Result<Self, StorageError> {
        serde_json::from_slice(bytes).map_err(|_| StorageError::Corrupt(path.clone()))
    }

    fn bytes(&self) -> Bytes {
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

macro_rules! link {
    ($name:ident) => {
        impl Link for $name {
            fn condemned(&self) -> Option<Timestamp> {
                self.condemned.map(Timestamp::from_micros)
            }

            fn set_condemned(&mut self, at: Option<Timestamp>) {
                self.condemned = at.map(Timestamp::as_micros);
            }
        }
    };
}

link!(BlobLink);
link!(ManifestLink);
