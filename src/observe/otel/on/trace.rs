//! The trace of a request, and the steps in it.

use super::super::{Answered, Step};
use http::Method;
use opentelemetry::{
    Context, KeyValue,
    trace::{Span as _, SpanBuilder, SpanKind, Status, TraceContextExt as _, Tracer as _},
};
use opentelemetry_sdk::trace::{SdkTracer, Span};
use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

tokio::task_local! {
    /// Of the request that the task serves.
    static CURRENT: Option<Current>;
}

/// Where the task is in its trace.
#[derive(Clone)]
pub(super) struct Current {
    whole: Arc<Whole>,
    /// The innermost step, or the request.
    parent: Context,
}

/// One request. Its span ends when the last who holds this lets go.
struct Whole {
    /// From the head of the answer to its last byte. Ends before `request`, for it stands before it.
    respond: OnceLock<Span>,
    request: Context,
    is_answered: AtomicBool,
    tracer: SdkTracer,
}

impl Drop for Whole {
    fn drop(&mut self) {
        if !self.is_answered.load(Relaxed) {
            self.request.span().set_attribute(KeyValue::new("error.type", "cancelled"));
        }
    }
}

/// Clones hold one trace. The default is none.
#[derive(Clone, Default)]
pub struct Trace(Option<Arc<Whole>>);

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trace").field(&self.0.as_ref().map(|whole| whole.id())).finish()
    }
}

impl Whole {
    fn id(&self) -> String {
        self.request.span().span_context().trace_id().to_string()
    }

    /// A step's span; none when this request is not sampled.
    fn span(&self, name: &'static str, parent: &Context) -> Option<Span> {
        let builder = || SpanBuilder::from_name(name).with_kind(SpanKind::Internal);
        self.request.span().is_recording().then(|| self.tracer.build_with_context(builder(), parent))
    }
}

impl Trace {
    pub(super) fn new(tracer: SdkTracer, request: Context) -> Self {
        let (respond, is_answered) = (OnceLock::new(), AtomicBool::new(false));
        Self(Some(Arc::new(Whole { respond, request, is_answered, tracer })))
    }

    /// The one that this task serves.
    pub fn current() -> Self {
        Self(current().map(|current| current.whole))
    }

    /// Does the work as a part of this trace.
    pub fn carry<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.place(), work)
    }

    /// As [`Trace::carry`], for work that does not wait.
    pub fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.place(), work)
    }

    fn place(&self) -> Option<Current> {
        let whole = self.0.clone()?;
        Some(Current { parent: whole.request.clone(), whole })
    }

    /// The trace's id, if it will come to the collector.
    pub fn sampled_id(&self) -> Option<String> {
        let whole = self.0.as_ref()?;
        whole.request.span().is_recording().then(|| whole.id())
    }

    /// Notes what was decided: `allow` or `deny`.
    pub fn decided(&self, decision: &'static str) {
        self.set("rack_gateway.decision", decision);
    }

    /// Notes the answer. The span lasts until its last byte.
    pub fn answered(&self, method: &Method, answered: impl FnOnce() -> Answered) {
        let Some(whole) = &self.0 else { return };
        let Answered { route, status, kind } = answered();
        let span = whole.request.span();
        whole.is_answered.store(true, Relaxed);
        span.update_name(format!("{} {route}", super::start::method_in_names(method)));
        span.set_attribute(KeyValue::new("http.route", route));
        span.set_attribute(KeyValue::new("url.path", route));
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        if status.is_server_error() {
            let kind = kind.map_or_else(|| status.as_u16().to_string().into(), opentelemetry::Value::from);
            span.set_attribute(KeyValue::new("error.type", kind));
            span.set_status(Status::error(""));
        }
    }

    fn set(&self, name: &'static str, value: &'static str) {
        if let Some(whole) = &self.0 {
            whole.request.span().set_attribute(KeyValue::new(name, value));
        }
    }
}

pub(super) fn current() -> Option<Current> {
    CURRENT.try_with(Clone::clone).ok().flatten()
}

impl Current {
    /// Whose child a span would be that begins now.
    pub(super) const fn parent(&self) -> &Context {
        &self.parent
    }

    /// A span for a question to an upstream; none when this request is not sampled.
    pub(super) fn client(&self, builder: impl FnOnce() -> SpanBuilder) -> Option<Span> {
        let is_recording = self.whole.request.span().is_recording();
        is_recording.then(|| self.whole.tracer.build_with_context(builder(), &self.parent))
    }

    fn step(mut self, step: Step) -> Self {
        if let Some(span) = self.whole.span(step.name(), &self.parent) {
            self.parent = Context::new().with_span(span);
        }
        self
    }
}

/// Does a step that does not wait.
pub fn step<T>(step: Step, work: impl FnOnce() -> T) -> T {
    let _span = current().and_then(|current| current.whole.span(step.name(), &current.parent));
    work()
}

/// Does a step; what is asked of upstreams meanwhile is a part of it.
pub fn in_step<F: Future>(step: Step, work: F) -> impl Future<Output = F::Output> + use<F> {
    CURRENT.scope(current().map(|current| current.step(step)), work)
}

/// For work that another task does: it goes on being a part of what this one does now.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> + use<F> {
    CURRENT.scope(current(), work)
}

/// The answer is known. This step lasts until its last byte.
pub fn responding() {
    let Some(Current { whole, .. }) = current() else { return };
    if let Some(mut span) = whole.span(Step::Respond.name(), &whole.request)
        && let Err(second) = whole.respond.set(span)
    {
        span = second;
        span.end();
    }
}

/// Of the request that this task serves.
pub fn trace_id() -> Option<String> {
    current().map(|current| current.whole.id())
}
