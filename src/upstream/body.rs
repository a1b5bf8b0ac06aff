//! What is sent to an upstream: nothing, a form that was rebuilt, or the client's bytes as they come.

use crate::audit::Traffic;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

/// How long an upstream may be silent before we give up.
#[derive(Clone, Copy, Debug)]
pub struct Silence(pub Duration);

/// Resolves, with a sentence, when whoever sends a body loses the right to.
pub struct RightLost(BoxFuture<'static, String>);

impl RightLost {
    pub fn when(lost: impl Future<Output = String> + Send + 'static) -> Self {
        Self(Box::pin(lost))
    }
}

impl fmt::Debug for RightLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RightLost")
    }
}

#[derive(Debug)]
pub enum OutgoingBody {
    Empty,
    Form(Option<Bytes>),
    /// Trailers are not passed on: no rack reads them, and they could carry what was not decided on.
    Stream {
        body: Incoming,
        traffic: Arc<Traffic>,
        right_lost: RightLost,
    },
    /// What was read whole and checked before.
    Checked(UnsyncBoxBody<Bytes, BoxError>),
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl OutgoingBody {
    /// Breaks off when the right to send is lost.
    pub fn stream(body: Incoming, traffic: Arc<Traffic>, right_lost: RightLost) -> Self {
        if body.is_end_stream() {
            return Self::Empty;
        }
        Self::Stream { body, traffic, right_lost }
    }

    pub const fn is_stream(&self) -> bool {
        matches!(self, Self::Stream { .. })
    }

    /// The counter of a body that streams.
    pub(super) fn traffic(&self) -> Option<Arc<Traffic>> {
        match self {
            Self::Stream { traffic, .. } => Some(traffic.clone()),
            Self::Empty | Self::Form(_) | Self::Checked(_) => None,
        }
    }
}

impl Body for OutgoingBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Form(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream { body, traffic, right_lost } => loop {
                if let Poll::Ready(sentence) = right_lost.0.as_mut().poll(context) {
                    return Poll::Ready(Some(Err(sentence.into())));
                }
                let Some(frame) = ready!(Pin::new(&mut *body).poll_frame(context)?) else {
                    return Poll::Ready(None);
                };
                if let Some(data) = frame.data_ref() {
                    traffic.add_in(data.len() as u64);
                    return Poll::Ready(Some(Ok(frame)));
                }
            },
            Self::Checked(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty | Self::Form(None) => true,
            Self::Form(Some(_)) => false,
            Self::Stream { body, .. } => body.is_end_stream(),
            Self::Checked(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty | Self::Form(None) => SizeHint::with_exact(0),
            Self::Form(Some(bytes)) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream { body, .. } => body.size_hint(),
            Self::Checked(body) => body.size_hint(),
        }
    }
}
