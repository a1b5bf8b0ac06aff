//! A registry whose requests are counted, timed and weighed. Bodies are counted as they flow, so that chunked uploads
//! count too; a request lasts until the last byte of its answer.

use super::{
    backend::{Backend, Body, BoxError, Request, Unhealthy},
    error::Problem,
    model::Operation,
};
use crate::observe::metrics::catalogue::{
    REGISTRY_IN_FLIGHT, REGISTRY_REQUEST_DURATION, REGISTRY_REQUEST_SIZE, REGISTRY_REQUESTS,
    REGISTRY_RESPONSE_SIZE,
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::Response;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};
use tokio::time::Instant;

#[derive(Debug)]
pub struct Observed<B>(B);

impl<B: Backend> Observed<B> {
    pub const fn new(backend: B) -> Self {
        Self(backend)
    }
}

impl<B: Backend> Backend for Observed<B> {
    fn answer(&self, mut request: Request) -> BoxFuture<'_, Response<Body>> {
        let observation = Observation::begin(&request.operation);
        let received = observation.received.clone();
        request.body = Counted { body: request.body, count: received, until_end: None }.boxed_unsync();
        Box::pin(async move {
            let answer = self.0.answer(request).await;
            let (parts, body) = answer.into_parts();
            let mut observation = observation;
            observation.status = Some(parts.status.as_u16());
            let count = observation.sent.clone();
            let body = Counted { body, count, until_end: Some(observation) }.boxed_unsync();
            Response::from_parts(parts, body)
        })
    }

    fn usage<'a>(&'a self, namespace: &'a str) -> BoxFuture<'a, Result<u64, Problem>> {
        self.0.usage(namespace)
    }

    fn health(&self) -> BoxFuture<'_, Result<(), Unhealthy>> {
        self.0.health()
    }
}

/// One request; what it was is recorded when this is dropped.
struct Observation {
    handler: &'static str,
    method: &'static str,
    begun: Instant,
    /// `None` when the client went away before the answer.
    status: Option<u16>,
    received: Arc<AtomicU64>,
    sent: Arc<AtomicU64>,
}

impl Observation {
    fn begin(operation: &Operation) -> Self {
        let handler = operation.handler();
        metrics::gauge!(REGISTRY_IN_FLIGHT, "handler" => handler).increment(1.0);
        let (begun, method) = (Instant::now(), operation.method());
        Self { handler, method, begun, status: None, received: Arc::default(), sent: Arc::default() }
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        let Self { handler, method, .. } = *self;
        let code = self.status.unwrap_or(499).to_string();
        let bytes = |count: &AtomicU64| count.load(Relaxed) as f64;
        metrics::gauge!(REGISTRY_IN_FLIGHT, "handler" => handler).decrement(1.0);
        metrics::counter!(REGISTRY_REQUESTS, "handler" => handler, "method" => method, "code" => code)
            .increment(1);
        metrics::histogram!(REGISTRY_REQUEST_DURATION, "handler" => handler, "method" => method)
            .record(self.begun.elapsed().as_secs_f64());
        metrics::histogram!(REGISTRY_REQUEST_SIZE, "handler" => handler).record(bytes(&self.received));
        metrics::histogram!(REGISTRY_RESPONSE_SIZE, "handler" => handler).record(bytes(&self.sent));
    }
}

struct Counted {
    body: Body,
    count: Arc<AtomicU64>,
    until_end: Option<Observation>,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.count.fetch_add(frame.data_ref().map_or(0, Bytes::len) as u64, Relaxed);
                if self.body.is_end_stream() {
                    self.until_end = None;
                }
            }
            Poll::Ready(_) => self.until_end = None,
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
