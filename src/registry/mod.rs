//! The container registry: the protocol's words (`model`), one trait that answers them (`Backend`), and the embedded
//! registry that keeps images in a directory or in S3. Nothing here knows who is asking: whoever calls a backend
//! has decided that the operation is allowed.

pub mod backend;
pub mod embedded;
pub mod error;
pub mod model;
mod observed;
mod respond;

pub use backend::{Backend, Body, BoxError, Request};
pub use embedded::Embedded;
pub use error::{ErrorCode, Problem};
pub use model::Operation;
pub use observed::Observed;
