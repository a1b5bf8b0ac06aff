//! From the configuration to traces, and the first span of each.

use super::{
    super::{Asked, OtelError},
    context,
    export::{self, Exporter},
    trace::Trace,
};
use crate::{
    config::{OtelConfig, SampleRule, TraceSampler},
    observe::metrics::MethodLabel,
};
use http::Method;
use opentelemetry::{
    Context, KeyValue,
    trace::{SpanBuilder, SpanKind, TraceContextExt as _, Tracer as _, TracerProvider as _},
};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracer, SdkTracerProvider},
};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};
use tokio_util::sync::CancellationToken;

/// Where traces are made. Clones make them together.
#[derive(Clone)]
pub struct Tracing(Option<Arc<Maker>>);

struct Maker {
    tracer: SdkTracer,
    /// Until somebody exports.
    exporter: Mutex<Option<Exporter>>,
}

impl fmt::Debug for Tracing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tracing").field(&self.0.is_some()).finish()
    }
}

impl Tracing {
    /// Asks nothing of the collector yet.
    pub fn start(config: Option<&OtelConfig>) -> Result<Self, OtelError> {
        let Some(config) = config else { return Ok(Self(None)) };
        let resource = resource(config);
        let (queue, exporter) = export::queue(config, &resource)?;
        let provider = SdkTracerProvider::builder()
            .with_sampler(sampler(config.sampler))
            .with_resource(resource)
            .with_span_processor(queue)
            .build();
        let (tracer, exporter) = (provider.tracer("rack-gateway"), Mutex::new(Some(exporter)));
        Ok(Self(Some(Arc::new(Maker { tracer, exporter }))))
    }

    /// Brings finished spans to the collector; after the stop those that are left, for at most two seconds.
    pub async fn keep_exporting(self, stop: CancellationToken) {
        let Some(maker) = self.0 else { return };
        let exporter = maker.exporter.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(maker);
        if let Some(exporter) = exporter {
            exporter.run(stop).await;
        }
    }

    /// Begins the trace of a request, or goes on with its caller's.
    pub fn begin<'a>(&self, asked: impl FnOnce() -> Option<Asked<'a>>) -> Trace {
        let Some(maker) = &self.0 else { return Trace::default() };
        let Some(asked) = asked() else { return Trace::default() };
        let parent = context::read(asked.headers);
        let parent = parent.map_or_else(Context::new, |span| Context::new().with_remote_span_context(span));
        let builder = SpanBuilder::from_name(method_in_names(asked.method))
            .with_kind(SpanKind::Server)
            .with_attributes(first_attributes(&asked));
        let span = maker.tracer.build_with_context(builder, &parent);
        Trace::new(maker.tracer.clone(), Context::new().with_span(span))
    }
}

fn first_attributes(asked: &Asked<'_>) -> [KeyValue; 3] {
    [
        KeyValue::new("http.request.method", known_method(asked.method)),
        KeyValue::new("url.scheme", asked.scheme),
        KeyValue::new("request_id", asked.request_id.to_string()),
    ]
}

/// Clients may invent methods, and what is in them.
pub(super) fn known_method(method: &Method) -> &'static str {
    match MethodLabel::from(method) {
        MethodLabel::Other => "_OTHER",
        known => known.as_str(),
    }
}

/// As [`known_method`], in the names of spans.
pub(super) fn method_in_names(method: &Method) -> &'static str {
    match MethodLabel::from(method) {
        MethodLabel::Other => "HTTP",
        known => known.as_str(),
    }
}

fn sampler(TraceSampler { rule, heeds_parent }: TraceSampler) -> Sampler {
    let own = match rule {
        SampleRule::All => Sampler::AlwaysOn,
        SampleRule::None => Sampler::AlwaysOff,
        SampleRule::Share(share) => Sampler::TraceIdRatioBased(f64::from(share)),
    };
    if heeds_parent { Sampler::ParentBased(Box::new(own)) } else { own }
}

fn resource(config: &OtelConfig) -> Resource {
    let own = [
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", uuid::Uuid::now_v7().to_string()),
        KeyValue::new("telemetry.sdk.language", "rust"),
        KeyValue::new("telemetry.sdk.name", "opentelemetry"),
    ];
    let given = config.attributes.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    let name = KeyValue::new("service.name", config.service_name.clone());
    Resource::builder_empty().with_attributes(own.into_iter().chain(given).chain([name])).build()
}
