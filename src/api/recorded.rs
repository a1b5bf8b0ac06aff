//! The body of an answer, counted as it leaves. The record is closed with its last byte.

use crate::audit::{Scope, Traffic};
use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

pub(super) struct Recorded {
    body: Body,
    traffic: Arc<Traffic>,
    /// Closed at the end, or when the client goes away and the body is dropped.
    scope: Option<Scope>,
}

impl Recorded {
    pub fn wrap(body: Body, scope: Scope) -> Body {
        if body.is_end_stream() {
            scope.close();
            return body;
        }
        Body::new(Self { body, traffic: scope.traffic(), scope: Some(scope) })
    }
}

impl HttpBody for Recorded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.traffic.add_out(data.len() as u64);
        }
        if frame.is_none() || self.body.is_end_stream() {
            self.scope = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
