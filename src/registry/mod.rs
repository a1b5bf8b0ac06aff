//! The container registry: the protocol's words (`model`), one trait that answers them (`Backend`), the embedded
//! registry that keeps images in a directory or in S3, the proxy to a registry elsewhere, and the rules that hold for
//! both. Nothing here decides who may do what: whoever calls a backend has decided that the operation is allowed, and
//! says in its terms who asks.

pub mod backend;
pub mod embedded;
pub mod error;
pub mod leases;
pub mod model;
mod observed;
mod paging;
pub mod proxy;
mod reading;
mod referring;
mod respond;
pub mod rules;
mod uploading;

pub use backend::{Backend, Body, BoxError, Pin, Request, Terms};
pub use embedded::Embedded;
pub use error::{ErrorCode, Problem};
pub use leases::Leases;
pub use model::Operation;
pub use observed::Observed;
pub use proxy::Proxy;
pub use rules::{ReadOnly, Ruled, Rules};
