//! Questions to racks, services and registries: a span of their own, and headers that name it.

use super::{
    super::Peer,
    context,
    start::known_method,
    trace::{Current, current},
};
use http::{HeaderMap, Method, Request, StatusCode, uri::Authority};
use opentelemetry::{
    KeyValue,
    trace::{Span as _, SpanBuilder, SpanKind, Status, TraceContextExt as _},
};
use opentelemetry_sdk::trace::Span;

/// A question that is under way. Dropped before it has ended, it was given up.
#[derive(Debug)]
pub struct Call(Option<Span>);

impl Call {
    /// Ends with the status of the answer, or with a word for why there is none.
    pub fn ended(mut self, answer: Result<StatusCode, &'static str>) {
        let Some(mut span) = self.0.take() else { return };
        match answer {
            Ok(status) => {
                span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
                if status.is_client_error() || status.is_server_error() {
                    fail(&mut span, status.as_u16().to_string());
                }
            }
            Err(kind) => fail(&mut span, kind),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new("error.type", "cancelled"));
        }
    }
}

fn fail(span: &mut Span, kind: impl Into<opentelemetry::Value>) {
    span.set_attribute(KeyValue::new("error.type", kind));
    span.set_status(Status::error(""));
}

/// Begins a question, and tells whoever is asked whose it is. Without a trace the headers stay as they are.
pub fn outgoing<'a, B>(request: &mut Request<B>, peer: impl FnOnce() -> Peer<'a>) -> Call {
    let method = request.method().clone();
    outgoing_with(&method, Some(request.headers_mut()), peer)
}

/// As [`outgoing`], for a request that is still in parts. Without headers, whoever is asked is told nothing.
pub fn outgoing_with<'a>(
    method: &Method,
    headers: Option<&mut HeaderMap>,
    peer: impl FnOnce() -> Peer<'a>,
) -> Call {
    let Some(current) = current() else { return Call(None) };
    let span = begin(&current, method, peer);
    if let Some(headers) = headers {
        match &span {
            Some(span) => context::write(headers, span.span_context()),
            None => context::write(headers, current.parent().span().span_context()),
        }
    }
    Call(span)
}

fn begin<'a>(current: &Current, method: &Method, peer: impl FnOnce() -> Peer<'a>) -> Option<Span> {
    current.client(|| {
        let Peer { name, authority } = peer();
        let mut attributes = vec![
            KeyValue::new("http.request.method", known_method(method)),
            KeyValue::new("peer.service", name.to_owned()),
        ];
        if let Ok(authority) = authority.parse::<Authority>() {
            attributes.push(KeyValue::new("server.address", authority.host().to_owned()));
            attributes.extend(authority.port_u16().map(|port| KeyValue::new("server.port", i64::from(port))));
        }
        SpanBuilder::from_name(known_method(method)).with_kind(SpanKind::Client).with_attributes(attributes)
    })
}
