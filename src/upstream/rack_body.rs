//! The body of a rack's answer, which gives its connection back with its last byte.

use super::{pool::Lease, service::Busy};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

#[derive(Debug)]
pub struct RackBody {
    from_rack: Incoming,
    lease: Option<Lease>,
    /// What broke it, until what came before has had a chance to leave: a server that is told of an error closes
    /// at once, and the head of this answer may still be in its buffer.
    broken: Option<hyper::Error>,
    /// The call of a service that ends with it.
    _busy: Option<Busy>,
}

impl RackBody {
    pub(super) fn new(from_rack: Incoming, lease: Option<Lease>) -> Self {
        let mut body = Self { from_rack, lease, broken: None, _busy: None };
        body.end_if_over();
        body
    }

    /// The call counts as under way until the body is dropped.
    #[must_use]
    pub fn holding(self, busy: Busy) -> Self {
        Self { _busy: Some(busy), ..self }
    }

    fn end_if_over(&mut self) {
        if self.from_rack.is_end_stream() {
            self.end();
        }
    }

    fn end(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
    }
}

impl Body for RackBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let Self { from_rack, lease, .. } = &mut *self;
        let mut look = |context: &mut Context<'_>| Pin::new(&mut *from_rack).poll_frame(context);
        let frame = ready!(match lease {
            Some(lease) => lease.line.drive(context, |_, context| look(context)),
            None => look(context),
        });
        match frame {
            Some(Err(error)) => {
                self.lease = None;
                self.broken = Some(error);
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Ok(_)) => self.end_if_over(),
            None => self.end(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.from_rack.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.from_rack.size_hint()
    }
}
