//! The body of an answer. The one that streams from a rack also carries the open audit scope, and closes it
//! when its last byte has left.

use super::Watch;
use crate::{
    audit::{Scope, Traffic},
    upstream::{RackBody, Silence},
};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use std::{
    borrow::Cow,
    future::Future as _,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::time::{Instant, Sleep, sleep};

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Default)]
pub enum Body {
    #[default]
    Empty,
    Whole(Option<Bytes>),
    Stream(Box<Streamed>),
    /// From the handlers of our own API.
    Boxed(UnsyncBoxBody<Bytes, BoxError>),
}

/// Bytes on their way from an upstream to the client.
pub struct Streamed {
    from: RackBody,
    traffic: Arc<Traffic>,
    scope: Option<Scope>,
    wait: Wait,
    who: Sender,
    /// Resolves when the caller loses the right to the answer.
    right_lost: Option<Pin<Box<dyn Future<Output = String> + Send>>>,
}

impl std::fmt::Debug for Streamed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streamed").field("from", &self.from).finish_non_exhaustive()
    }
}

/// Whose bytes they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    Rack,
    Artifact,
    Service,
}

impl Sender {
    const fn fell_silent(self) -> (&'static str, &'static str) {
        match self {
            Self::Rack => ("the rack fell silent in the middle of its answer", "the rack fell silent"),
            Self::Artifact => (
                "the artifact registry fell silent in the middle of its answer",
                "the artifact registry fell silent",
            ),
            Self::Service => {
                ("the service fell silent in the middle of its answer", "the service fell silent")
            }
        }
    }

    const fn broke_off(self) -> &'static str {
        match self {
            Self::Rack => "the rack broke off its answer",
            Self::Artifact => "the artifact registry broke off its answer",
            Self::Service => "the service broke off its answer",
        }
    }
}

/// Measures the sender's silence. There is no timer as long as bytes are there when they are asked for.
#[derive(Debug)]
struct Wait {
    limit: Silence,
    timer: Option<Pin<Box<Sleep>>>,
    is_running: bool,
}

impl Wait {
    /// Ready when the silence has lasted too long.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Silence(limit) = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        if !self.is_running {
            self.is_running = true;
            if let Some(end) = Instant::now().checked_add(limit) {
                timer.as_mut().reset(end);
            }
        }
        timer.as_mut().poll(context)
    }
}

impl Body {
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(Some(bytes.into()))
    }

    /// A body that ends with an error when its sender is silent for too long in its middle, or when the caller loses
    /// the right to it.
    pub fn stream(who: Sender, from: RackBody, scope: Scope, silence: Silence, watch: Option<Watch>) -> Self {
        if from.is_end_stream() {
            scope.close();
            return Self::Empty;
        }
        let wait = Wait { limit: silence, timer: None, is_running: false };
        let (traffic, scope) = (scope.traffic(), Some(scope));
        let right_lost = watch.map(|watch| Box::pin(watch.right_lost()) as Pin<Box<_>>);
        Self::Stream(Box::new(Streamed { from, traffic, scope, wait, who, right_lost }))
    }
}

impl Streamed {
    fn end(&mut self, reason: Option<&'static str>) {
        self.end_for(reason.map(Cow::Borrowed));
    }

    fn end_for(&mut self, reason: Option<Cow<'static, str>>) {
        let Some(mut scope) = self.scope.take() else { return };
        if let Some(reason) = reason {
            scope.reason = Some(reason);
        }
        scope.close();
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(right_lost) = &mut self.right_lost
            && let Poll::Ready(sentence) = right_lost.as_mut().poll(context)
        {
            self.end_for(Some(Cow::Owned(format!("ended by the gateway: {sentence}"))));
            return Poll::Ready(Some(Err(sentence.into())));
        }
        let Poll::Ready(frame) = Pin::new(&mut self.from).poll_frame(context) else {
            ready!(self.wait.poll(context));
            let (reason, error) = self.who.fell_silent();
            self.end(Some(reason));
            return Poll::Ready(Some(Err(error.into())));
        };
        self.wait.is_running = false;
        match &frame {
            Some(Ok(frame)) => {
                self.traffic.add_out(frame.data_ref().map_or(0, Bytes::len) as u64);
                if self.from.is_end_stream() {
                    self.end(None);
                }
            }
            Some(Err(_)) => self.end(Some(self.who.broke_off())),
            None => self.end(None),
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        self.end(Some("the client went away before the end of the answer"));
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(streamed) => streamed.poll(context),
            Self::Boxed(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(bytes) => bytes.is_none(),
            Self::Stream(streamed) => streamed.from.is_end_stream(),
            Self::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Stream(streamed) => streamed.from.size_hint(),
            Self::Boxed(body) => body.size_hint(),
        }
    }
}
