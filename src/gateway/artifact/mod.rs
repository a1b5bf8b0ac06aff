//! The artifact registry (the Registry Server's protocol) behind `/api/v1/artifact-proxy`: who calls, whether they may,
//! and the record. What an archive holds is read only to tell where it belongs; packages are kept by the server behind.

mod answer;
mod archive;
mod caller;
mod demands;
mod multipart;
mod name;
mod operation;
mod problem;
mod publish;
mod spool;
mod story;
mod whole;

pub use operation::Operation;
pub use problem::Problem;
pub use publish::Uploads;
pub use story::{ArtifactArrival, ArtifactPipeline};
