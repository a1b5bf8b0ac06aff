//! Turns events into lines.

use super::{
    FATAL, Format, Headers,
    fields::{Collector, Fields},
    format::{Origin, Severity, line},
};
use crate::{
    core::SharedClock,
    observe::{
        errors::{Crumb, Crumbs},
        otel,
    },
};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tracing::{
    Event, Level, Metadata, Subscriber,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    layer::Context,
    registry::{LookupSpan, Scope},
};

/// Whether secret headers are shown, which goes with the level.
#[derive(Debug)]
pub(super) struct HeaderSight {
    wanted: Headers,
    is_verbose: AtomicBool,
}

impl HeaderSight {
    pub fn new(wanted: Headers, level: super::Level) -> Self {
        let sight = Self { wanted, is_verbose: AtomicBool::new(false) };
        sight.follow(level);
        sight
    }

    pub fn follow(&self, level: super::Level) {
        self.is_verbose.store(level <= super::Level::Debug, Ordering::Relaxed);
    }

    pub fn now(&self) -> Headers {
        if self.is_verbose.load(Ordering::Relaxed) { self.wanted } else { Headers::Redacted }
    }
}

/// Takes finished lines, each with its newline, in one piece.
pub(super) type Sink = Arc<dyn Fn(&str) + Send + Sync>;

#[derive(Clone)]
pub(super) struct LogLayer {
    pub format: Format,
    pub headers: Arc<HeaderSight>,
    pub origin: Origin,
    pub clock: SharedClock,
    pub sink: Sink,
    /// Where the lines are remembered, for reports.
    pub crumbs: Option<Crumbs>,
}

impl fmt::Debug for LogLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogLayer").field("format", &self.format).finish_non_exhaustive()
    }
}

impl LogLayer {
    fn collector<'a>(&self, fields: &'a mut Fields) -> Collector<'a> {
        Collector { fields, headers: self.headers.now() }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for LogLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut self.collector(&mut fields));
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            record.record(&mut self.collector(fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(Scope::from_root) {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.values.extend(outer.values.clone());
            }
        }
        event.record(&mut self.collector(&mut fields));
        if let Some(id) = otel::trace_id() {
            fields.values.insert("trace_id".into(), id.into());
        }
        let (now, severity) = (self.clock.now(), severity(event.metadata()));
        (self.sink)(&line(self.format, &self.origin, now, severity, &fields));
        if let Some(crumbs) = &self.crumbs {
            let request_id = fields.values.get("request_id").and_then(|id| id.as_str()).map(str::to_owned);
            let is_error = matches!(severity, Severity::Error | Severity::Fatal);
            crumbs.add(Crumb { at: now, is_error, message: fields.message, request_id });
        }
    }
}

fn severity(metadata: &Metadata<'_>) -> Severity {
    match *metadata.level() {
        _ if metadata.target() == FATAL => Severity::Fatal,
        Level::ERROR => Severity::Error,
        Level::WARN => Severity::Warn,
        Level::INFO => Severity::Info,
        Level::DEBUG => Severity::Debug,
        Level::TRACE => Severity::Trace,
    }
}
