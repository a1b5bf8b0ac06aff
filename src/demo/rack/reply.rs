//! Answers in the rack's manner: JSON with two spaces, `ok` for void calls, errors as plain text.

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody, combinators::UnsyncBoxBody};
use serde::Serialize;
use std::io;
use thiserror::Error;

pub type Body = UnsyncBoxBody<Bytes, io::Error>;
pub type Reply = Response<Body>;
pub type Answer = Result<Reply, Refusal>;

const CHUNK: usize = 32 * 1024;
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// Why a call was not carried out. The text is what the client sees.
#[derive(Debug, Error)]
pub enum Refusal {
    #[error("app not found: {0}")]
    NoApp(String),
    #[error("no such {kind}: {name}")]
    NoSuch { kind: &'static str, name: String },
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    Forbidden(String),
    #[error("{0}")]
    Conflict(String),
    #[error("{0}")]
    TooLarge(String),
    #[error("{0}")]
    NotKept(String),
    #[error("invalid authentication")]
    Unauthenticated,
    #[error("you are unauthorized to access this")]
    Unauthorized,
    #[error("the request body could not be read: {0}")]
    Body(io::Error),
    #[error("the answer could not be written: {0}")]
    Encode(serde_json::Error),
}

impl Refusal {
    pub fn no_such(kind: &'static str, name: impl Into<String>) -> Self {
        Self::NoSuch { kind, name: name.into() }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NoApp(_) | Self::NoSuch { .. } => StatusCode::NOT_FOUND,
            Self::Invalid(_) | Self::Body(_) => StatusCode::BAD_REQUEST,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotKept(_) => StatusCode::INSUFFICIENT_STORAGE,
            Self::Unauthenticated | Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Encode(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub fn into_reply(self) -> Reply {
        let mut reply = text(self.status(), format!("{self}\n"));
        if matches!(self, Self::Unauthenticated) {
            let challenge = HeaderValue::from_static("Basic realm=\"convox\"");
            reply.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        reply
    }
}

pub fn json(value: &impl Serialize) -> Answer {
    let mut text = serde_json::to_vec_pretty(value).map_err(Refusal::Encode)?;
    text.push(b'\n');
    Ok(typed(full(text), "application/json"))
}

/// What calls without a result answer.
pub fn ok() -> Answer {
    Ok(text(StatusCode::OK, "ok\n"))
}

pub fn text(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    let mut reply = typed(full(text), "text/plain; charset=utf-8");
    *reply.status_mut() = status;
    reply
}

pub fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *reply.status_mut() = status;
    reply
}

pub fn bytes(content: Bytes) -> Answer {
    Ok(typed(full(content), "application/octet-stream"))
}

/// Sends `content` in chunks and without a length, as the rack does for exports.
pub fn chunked(content: Bytes) -> Answer {
    let chunks = stream::unfold(content, |mut rest| async move {
        (!rest.is_empty()).then(|| {
            let chunk = rest.split_to(rest.len().min(CHUNK));
            (Ok(Frame::data(chunk)), rest)
        })
    });
    Ok(typed(StreamBody::new(chunks).boxed_unsync(), "application/octet-stream"))
}

/// `length` zero bytes with a `Content-Length`, made while they are sent.
pub fn zeros(length: u64) -> Answer {
    let chunks = stream::unfold(length, |left| async move {
        (left > 0).then(|| {
            let take = usize::try_from(left).unwrap_or(usize::MAX).min(ZEROS.len());
            let chunk = Bytes::from_static(ZEROS.get(..take).unwrap_or_default());
            (Ok(Frame::data(chunk)), left - take as u64)
        })
    });
    let mut reply = typed(StreamBody::new(chunks).boxed_unsync(), "application/octet-stream");
    reply.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(reply)
}

fn typed(body: Body, kind: &'static str) -> Reply {
    let mut reply = Response::new(body);
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    reply
}

fn full(content: impl Into<Bytes>) -> Body {
    Full::new(content.into()).map_err(|never| match never {}).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    async fn body(reply: Reply) -> Bytes {
        reply.into_body().collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn json_has_two_spaces_and_a_newline() {
        let reply = json(&json!({"a": [1]})).unwrap();
        assert_eq!(reply.headers()["content-type"], "application/json");
        assert_eq!(body(reply).await, "{\n  \"a\": [\n    1\n  ]\n}\n");
    }

    #[tokio::test]
    async fn refusals_are_plain_text() {
        let reply = Refusal::NoApp("x".into()).into_reply();
        assert_eq!(reply.status(), 404);
        assert_eq!(body(reply).await, "app not found: x\n");
        let reply = Refusal::Unauthenticated.into_reply();
        assert_eq!(reply.headers()["www-authenticate"], "Basic realm=\"convox\"");
        assert!(!Refusal::Unauthorized.into_reply().headers().contains_key("www-authenticate"));
    }

    #[tokio::test]
    async fn streams_are_complete() {
        let content = Bytes::from(vec![7; CHUNK * 2 + 5]);
        assert_eq!(body(chunked(content.clone()).unwrap()).await, content);
        assert_eq!(body(zeros(100_001).unwrap()).await, vec![0; 100_001]);
    }
}
