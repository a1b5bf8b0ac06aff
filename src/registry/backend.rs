//! What every registry behind `/v2/` can do: answer an operation. Bodies stream both ways.

use super::{
    error::{ErrorCode, Problem},
    model::{Operation, Tag},
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Response};
use http_body_util::{BodyExt as _, Empty, combinators::UnsyncBoxBody};
use std::{convert::Infallible, fmt, sync::Arc};

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request's or an answer's body.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// One request that may be carried out.
pub struct Request {
    pub operation: Operation,
    /// As they came, repeated lines included. A backend reads only those that the protocol gives a meaning.
    pub headers: HeaderMap,
    pub body: Body,
    pub terms: Terms,
}

impl Request {
    /// A question of our own: no headers, no body, on behalf of nobody.
    pub fn plain(operation: Operation) -> Self {
        Self { operation, headers: HeaderMap::new(), body: empty(), terms: Terms::default() }
    }
}

/// What whoever decided on a request attached to it. It is kept by the backend, because only there can it be looked
/// at in the same moment as the thing is done.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Who asks. An upload belongs to whoever began it.
    pub subject: Option<Arc<str>>,
    /// Tags that may come to be, or stay where they are, but not move.
    pub pins: Vec<Pin>,
}

/// A tag that must not move, and what is told to whoever would move it.
#[derive(Clone, Debug)]
pub struct Pin {
    pub tag: Tag,
    pub refusal: Problem,
}

impl Terms {
    /// Why the tag must not move, if so.
    pub fn pin(&self, tag: &Tag) -> Option<&Problem> {
        self.pins.iter().find(|pin| pin.tag == *tag).map(|pin| &pin.refusal)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("operation", &self.operation).finish_non_exhaustive()
    }
}

/// A registry. Every failure is an answer: the document that the protocol has for errors, with its status.
pub trait Backend: Send + Sync + fmt::Debug {
    fn answer(&self, request: Request) -> BoxFuture<'_, Response<Body>>;

    /// Bytes that the repositories of a namespace hold, each content once, as the storage has it now.
    fn usage<'a>(&'a self, namespace: &'a str) -> BoxFuture<'a, Result<u64, Problem>>;

    /// Looks at the storage, or at the registry behind.
    fn health(&self) -> BoxFuture<'_, Result<(), Unhealthy>>;
}

/// Why a registry cannot serve, in words that anybody may read: no path, no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Storage health check failed: {0}")]
pub struct Unhealthy(pub String);

/// Carries out a change to its end, also when the client goes away and the future that waits for it with it: what has
/// begun must not stop halfway.
pub async fn to_its_end(
    change: impl Future<Output = Result<Response<Body>, Problem>> + Send + 'static,
) -> Response<Body> {
    match tokio::spawn(change).await {
        Ok(result) => result.unwrap_or_else(Problem::into_response),
        Err(_) => Problem::new(ErrorCode::Unknown, "the registry failed").into_response(),
    }
}

pub fn empty() -> Body {
    Empty::new().map_err(|never: Infallible| match never {}).boxed_unsync()
}
