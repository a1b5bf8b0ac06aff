//! The words of the distribution protocol as values that cannot be wrong: names, tags, digests, manifests, ranges,
//! and the operations. Text in, values out; no I/O.

mod accept;
mod descriptor;
mod digest;
mod manifest;
pub mod media_type;
mod name;
mod operation;
mod query;
mod range;
mod reference;
pub mod route;

pub use accept::Accepted;
pub use descriptor::Descriptor;
pub use digest::{Algorithm, Digest, Hasher};
pub(crate) use manifest::too_large;
pub use manifest::{MAX_MANIFEST_BYTES, Manifest, Part};
pub use name::RepositoryName;
pub use operation::{Mount, Operation, Page, Start};
pub use range::{BlobRange, ChunkRange, blob_range, if_none_match};
pub use reference::{Reference, Tag};
