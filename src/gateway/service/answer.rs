//! A service's answer on its way to the client.

use super::headers;
use crate::{
    audit::Scope,
    gateway::{Body, Sender, Watch, watch::is_long},
    upstream::{ServiceAnswer, Silence},
};
use http::{HeaderMap, Response, Version, header::CONTENT_TYPE};
use std::time::Duration;

/// How long the service may be silent in its midst.
pub struct Patience {
    pub idle: Duration,
    /// Of an event stream, which says something when there is something to say.
    pub events: Duration,
}

/// Passes the answer on as it comes; the record closes with its last byte. `watch` looks after long ones.
pub fn relay(
    answered: ServiceAnswer,
    slug: &str,
    patience: &Patience,
    watch: impl FnOnce() -> Watch,
    mut scope: Scope,
) -> Response<Body> {
    let ServiceAnswer { answer, busy } = answered;
    let (mut head, body) = answer.into_parts();
    headers::of_service(&mut head.headers, slug);
    scope.answered(head.status);
    head.version = Version::HTTP_11;
    head.extensions.clear();
    let silence = Silence(if is_event_stream(&head.headers) { patience.events } else { patience.idle });
    let watch = is_long(&body).then(watch);
    Response::from_parts(head, Body::stream(Sender::Service, body.holding(busy), scope, silence, watch))
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_streams_are_known_by_their_type() {
        for (kind, expected) in [
            ("text/event-stream", true),
            ("Text/Event-Stream; charset=utf-8", true),
            ("text/html", false),
            ("text/plain; text/event-stream", false),
        ] {
            assert_eq!(
                is_event_stream(&HeaderMap::from_iter([(CONTENT_TYPE, kind.parse().unwrap())])),
                expected
            );
        }
        assert!(!is_event_stream(&HeaderMap::new()));
    }
}
