//! What the benchmark's programs share: reading `/proc`, an HTTP/1.1 client small enough to cost nothing, the peers'
//! token and rule files, statistics, and the goals. Nothing here knows how the gateway works inside.

pub mod access;
pub mod client;
pub mod goals;
pub mod markdown;
pub mod proc;
pub mod samples;
pub mod stats;

/// Every program stops at the first failure with one sentence, so the error need not be a type.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
