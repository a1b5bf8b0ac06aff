//! Traces for OpenTelemetry: a span for each request, below it one for each step and one for each question to an
//! upstream, all posted to a collector.
//!
//! A request's trace belongs to the task that serves it; rooms name their steps and need not know of it. It lasts until
//! nobody holds it any more: the audit scope does, to the last byte of an answer that streams. Attributes hold words of
//! our own, templates of routes, statuses and configured addresses; nothing that a client, a rack or a service wrote.
//!
//! Without the feature `otel` the same functions stand in `off` and do nothing.

#[cfg(not(feature = "otel"))]
mod off;
#[cfg(feature = "otel")]
mod on;

#[cfg(not(feature = "otel"))]
pub use off::{Call, Trace, Tracing, carried, in_step, outgoing, outgoing_with, responding, step, trace_id};
#[cfg(feature = "otel")]
pub use on::{Call, Trace, Tracing, carried, in_step, outgoing, outgoing_with, responding, step, trace_id};

use crate::core::RequestId;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

/// What happens to a request, as the pipelines tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Classify,
    OpenAudit,
    Authenticate,
    Authorize,
    Prove,
    Prepare,
    RecordIntent,
    Send,
    Respond,
}

impl Step {
    /// The name of its span.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Classify => "classify",
            Self::OpenAudit => "open audit",
            Self::Authenticate => "authenticate",
            Self::Authorize => "authorize",
            Self::Prove => "prove",
            Self::Prepare => "prepare",
            Self::RecordIntent => "record intent",
            Self::Send => "send",
            Self::Respond => "respond",
        }
    }
}

/// A request that begins.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub method: &'a Method,
    /// Read for `traceparent` and `tracestate` only.
    pub headers: &'a HeaderMap,
    pub request_id: RequestId,
    /// `http` or `https`.
    pub scheme: &'static str,
}

/// How a request was answered.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// The template, never the path.
    pub route: &'static str,
    pub status: StatusCode,
    /// A word for a failure, when more is known than the status.
    pub kind: Option<&'static str>,
}

/// Whom an upstream request goes to, as the configuration or the directory has it.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'a> {
    /// The rack's name, a service's slug.
    pub name: &'a str,
    /// Host, and the port unless it is the usual one.
    pub authority: &'a str,
}

impl<'a> Peer<'a> {
    /// By the `Host` that it is asked for.
    pub fn new(name: &'a str, host: &'a HeaderValue) -> Self {
        Self { name, authority: host.to_str().unwrap_or_default() }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("traces cannot be exported: {0}; look at OTEL_EXPORTER_OTLP_ENDPOINT")]
pub struct OtelError(#[from] reqwest::Error);
