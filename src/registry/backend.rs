//! What every registry behind `/v2/` can do: answer an operation. Bodies stream both ways.

use super::model::Operation;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Response};
use http_body_util::{BodyExt as _, Empty, combinators::UnsyncBoxBody};
use std::{convert::Infallible, fmt};

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request's or an answer's body.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// One request that may be carried out.
pub struct Request {
    pub operation: Operation,
    /// As they came, repeated lines included. A backend reads only those that the protocol gives a meaning.
    pub headers: HeaderMap,
    pub body: Body,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("operation", &self.operation).finish_non_exhaustive()
    }
}

/// A registry. Every failure is an answer: the document that the protocol has for errors, with its status.
pub trait Backend: Send + Sync + fmt::Debug {
    fn answer(&self, request: Request) -> BoxFuture<'_, Response<Body>>;

    /// Looks at the storage, or at the registry behind.
    fn health(&self) -> BoxFuture<'_, Result<(), Unhealthy>>;
}

/// Why a registry cannot serve, in words that anybody may read: no path, no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Storage health check failed: {0}")]
pub struct Unhealthy(pub String);

pub fn empty() -> Body {
    Empty::new().map_err(|never: Infallible| match never {}).boxed_unsync()
}
