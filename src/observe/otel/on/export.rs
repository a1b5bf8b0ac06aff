//! Finished spans on their way to the collector: through a bounded queue that nobody waits for, in batches, by a task of
//! its own. What does not fit, or what the collector does not take in time, is dropped and counted.

use super::super::OtelError;
use crate::{
    config::OtelConfig,
    observe::metrics::catalogue::{TRACE_SPANS_DROPPED, TRACE_SPANS_EXPORTED},
};
use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};
use opentelemetry::Context;
use opentelemetry_proto::{
    tonic::collector::trace::v1::ExportTraceServiceRequest,
    transform::{
        common::tonic::ResourceAttributesWithSchema, trace::tonic::group_spans_by_resource_and_scope,
    },
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanProcessor},
};
use prost::Message as _;
use std::time::Duration;
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use url::Url;

/// Spans that may wait; those of some two hundred requests. Each takes about a kibibyte.
const WAITING: usize = 2_048;
/// Spans that are sent at once.
const BATCH: usize = 512;
/// How long the first of a batch waits for others.
const LINGER: Duration = Duration::from_secs(1);
/// How long the collector may take for one batch.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the end of the process waits for what is left.
const LAST: Duration = Duration::from_secs(2);

/// The end of the queue at which spans come in.
#[derive(Debug)]
pub(super) struct Queue(Sender<SpanData>);

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.0.try_send(span).is_err() {
            metrics::counter!(TRACE_SPANS_DROPPED).increment(1);
        }
    }

    /// Nobody waits for the collector but the exporter.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// The other end.
pub(super) struct Exporter {
    spans: Receiver<SpanData>,
    collector: Collector,
}

#[derive(Debug, thiserror::Error)]
enum NotTaken {
    #[error("it cannot be asked")]
    Unasked(#[from] reqwest::Error),
    #[error("it answered {0}")]
    Status(StatusCode),
}

struct Collector {
    client: reqwest::Client,
    url: Url,
    headers: HeaderMap,
    resource: ResourceAttributesWithSchema,
    is_lost: bool,
}

pub(super) fn queue(config: &OtelConfig, resource: &Resource) -> Result<(Queue, Exporter), OtelError> {
    let (sender, spans) = channel(WAITING);
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .http1_only()
        .timeout(PATIENCE)
        .user_agent(concat!("rack-gateway/", env!("CARGO_PKG_VERSION")))
        .build()?;
    let (url, headers, resource) = (config.traces_url.clone(), headers(config), resource.into());
    let collector = Collector { client, url, headers, resource, is_lost: false };
    Ok((Queue(sender), Exporter { spans, collector }))
}

fn headers(config: &OtelConfig) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        if let Ok(mut value) = HeaderValue::from_str(value.expose()) {
            value.set_sensitive(true);
            headers.insert(name.clone(), value);
        }
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    headers
}

impl Exporter {
    /// Until the stop, and then for a little while.
    pub async fn run(mut self, stop: CancellationToken) {
        let work = async {
            loop {
                let batch = gather(&mut self.spans, &stop).await;
                if batch.is_empty() {
                    break;
                }
                self.collector.take(batch).await;
            }
        };
        let deadline = async {
            stop.cancelled().await;
            sleep(LAST).await;
        };
        tokio::select! {
            () = work => {}
            () = deadline => tracing::warn!("the collector did not take the last spans in time"),
        }
        metrics::counter!(TRACE_SPANS_DROPPED).increment(self.spans.len() as u64);
    }
}

/// The next batch. After the stop what is there, until nothing is.
async fn gather(spans: &mut Receiver<SpanData>, stop: &CancellationToken) -> Vec<SpanData> {
    let mut batch = Vec::with_capacity(BATCH);
    let filled = async {
        spans.recv_many(&mut batch, BATCH).await;
        let fill = async {
            while let room @ 1.. = BATCH - batch.len() {
                if spans.recv_many(&mut batch, room).await == 0 {
                    break;
                }
            }
        };
        let _ = timeout(LINGER, fill).await;
    };
    tokio::select! {
        () = filled => {}
        () = stop.cancelled() => {}
    }
    while batch.len() < BATCH
        && let Ok(span) = spans.try_recv()
    {
        batch.push(span);
    }
    batch
}

impl Collector {
    async fn take(&mut self, batch: Vec<SpanData>) {
        let count = batch.len() as u64;
        let sent = self.post(batch).await;
        match sent {
            Ok(()) => {
                metrics::counter!(TRACE_SPANS_EXPORTED).increment(count);
                if std::mem::take(&mut self.is_lost) {
                    tracing::info!("the collector takes spans again");
                }
            }
            Err(error) => {
                metrics::counter!(TRACE_SPANS_DROPPED).increment(count);
                if !std::mem::replace(&mut self.is_lost, true) {
                    let error: &(dyn std::error::Error + 'static) = &error;
                    tracing::warn!(error, "the collector takes no spans; until it does they are dropped");
                }
            }
        }
    }

    async fn post(&self, batch: Vec<SpanData>) -> Result<(), NotTaken> {
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let request = self.client.post(self.url.clone()).headers(self.headers.clone()).body(body);
        match request.send().await?.status() {
            status if status.is_success() => Ok(()),
            status => Err(NotTaken::Status(status)),
        }
    }
}
