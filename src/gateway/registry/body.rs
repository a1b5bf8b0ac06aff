//! Bodies that pass: counted both ways, and the record closed with the answer's last byte.

use super::measure;
use crate::{
    audit::{Scope, Traffic},
    gateway::{Body, Watch, body::BoxError},
    registry,
};
use bytes::{Bytes, BytesMut};
use http::{Response, header::CONTENT_LENGTH};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use std::{
    borrow::Cow,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// What the client sends; it breaks off when the right to send it is lost.
pub fn counted(body: Incoming, traffic: Arc<Traffic>, watch: Option<Watch>) -> registry::Body {
    let counted = body
        .map_frame(move |frame: Frame<Bytes>| {
            let length = frame.data_ref().map_or(0, Bytes::len) as u64;
            traffic.add_in(length);
            measure::received(length);
            frame
        })
        .map_err(BoxError::from);
    match watch {
        Some(watch) => Watched { body: counted, right_lost: Box::pin(watch.right_lost()) }.boxed_unsync(),
        None => counted.boxed_unsync(),
    }
}

struct Watched<B> {
    body: B,
    right_lost: Pin<Box<dyn Future<Output = String> + Send>>,
}

impl<B: HttpBody<Data = Bytes, Error = BoxError> + Unpin> HttpBody for Watched<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.right_lost.as_mut().poll(context) {
            Poll::Ready(sentence) => Poll::Ready(Some(Err(sentence.into()))),
            Poll::Pending => Pin::new(&mut self.body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Why a body could not be read whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    TooLong,
    Broken,
}

/// Reads at most `limit` bytes.
pub async fn read(mut body: registry::Body, limit: usize) -> Result<Bytes, Unread> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
        if read.len() + data.len() > limit {
            return Err(Unread::TooLong);
        }
        read.extend_from_slice(&data);
    }
    Ok(read.freeze())
}

/// What the registry answers.
pub fn relay(answer: Response<registry::Body>, mut scope: Scope, watch: Option<Watch>) -> Response<Body> {
    scope.answered(answer.status());
    let length = answer.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    answer.map(|body| {
        if body.is_end_stream() {
            scope.close();
            return Body::Empty;
        }
        let traffic = scope.traffic();
        let right_lost = watch.map(|watch| Box::pin(watch.right_lost()) as Pin<Box<_>>);
        Body::Boxed(
            Recorded { body, missing: length, traffic, scope: Some(scope), right_lost }.boxed_unsync(),
        )
    })
}

struct Recorded {
    body: registry::Body,
    /// What the announced length still lacks. When nothing does, nobody asks for more, so that is the end.
    missing: Option<u64>,
    traffic: Arc<Traffic>,
    scope: Option<Scope>,
    right_lost: Option<Pin<Box<dyn Future<Output = String> + Send>>>,
}

impl Recorded {
    fn end(&mut self, reason: Option<Cow<'static, str>>) {
        let Some(mut scope) = self.scope.take() else { return };
        if let Some(reason) = reason {
            scope.reason = Some(reason);
        }
        scope.close();
    }
}

impl HttpBody for Recorded {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(right_lost) = &mut self.right_lost
            && let Poll::Ready(sentence) = right_lost.as_mut().poll(context)
        {
            self.end(Some(Cow::Owned(format!("ended by the gateway: {sentence}"))));
            return Poll::Ready(Some(Err(sentence.into())));
        }
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else { return Poll::Pending };
        match &frame {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                self.traffic.add_out(length);
                measure::sent(length);
                self.missing = self.missing.map(|missing| missing.saturating_sub(length));
                if self.missing == Some(0) || self.body.is_end_stream() {
                    self.end(None);
                }
            }
            Some(Err(_)) => self.end(Some(Cow::Borrowed("the registry broke off its answer"))),
            None => self.end(None),
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

impl Drop for Recorded {
    fn drop(&mut self) {
        self.end(Some(Cow::Borrowed("the client went away before the end of the answer")));
    }
}
