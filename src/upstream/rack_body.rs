//! The body of a rack's answer, which gives its connection back with its last byte.

use super::pool::Lease;
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
}

impl RackBody {
    pub(super) fn new(from_rack: Incoming, lease: Option<Lease>) -> Self {
        let mut body = Self { from_rack, lease };
        body.end_if_over();
        body
    }

    fn end_if_over(&mut self) {
        if self.from_rack.is_end_stream()
            && let Some(lease) = self.lease.take()
        {
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
        let frame = ready!(Pin::new(&mut self.from_rack).poll_frame(context));
        match &frame {
            Some(Ok(_)) => self.end_if_over(),
            Some(Err(_)) => self.lease = None,
            None => {
                if let Some(lease) = self.lease.take() {
                    lease.give_back();
                }
            }
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
