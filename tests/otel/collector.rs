//! A collector that takes OTLP over HTTP, and reads what it gets as any other would.

use crate::support::wire::SOON;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
};
use prost::Message as _;
use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    net::TcpListener,
    task::JoinHandle,
    time::{Instant, sleep},
};

pub const SERVER: i32 = 2;
pub const CLIENT: i32 = 3;

pub type Attributes = BTreeMap<String, String>;

#[derive(Clone, Debug)]
pub struct Span {
    pub name: String,
    /// As the protocol numbers them.
    pub kind: i32,
    pub trace: String,
    pub id: String,
    /// Empty for the first of a trace.
    pub parent: String,
    pub state: String,
    pub attributes: Attributes,
    pub resource: Attributes,
    pub is_error: bool,
    pub begun: u64,
    pub took: Duration,
}

#[derive(Default)]
struct Taken {
    spans: Mutex<Vec<Span>>,
    raw: Mutex<Vec<u8>>,
    headers: Mutex<Vec<HeaderMap>>,
}

pub struct Collector {
    pub url: String,
    taken: Arc<Taken>,
    serving: JoinHandle<()>,
}

/// One request with all that belongs to it.
pub struct Tree {
    pub root: Span,
    pub all: Vec<Span>,
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let taken = Arc::new(Taken::default());
        let served = taken.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let taken = served.clone();
                let service = service_fn(move |request| {
                    let taken = taken.clone();
                    async move { Ok::<_, Infallible>(taken.answer(request).await) }
                });
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async move { drop(connection.await) });
            }
        });
        Self { url, taken, serving }
    }

    pub fn spans(&self) -> Vec<Span> {
        self.taken.spans.lock().unwrap().clone()
    }

    /// Every byte that came.
    pub fn raw(&self) -> Vec<u8> {
        self.taken.raw.lock().unwrap().clone()
    }

    pub fn headers(&self) -> Vec<HeaderMap> {
        self.taken.headers.lock().unwrap().clone()
    }

    /// Waits for the request of this id.
    pub async fn tree(&self, request_id: &str) -> Tree {
        let started = Instant::now();
        loop {
            let spans = self.spans();
            let of_request =
                |span: &&Span| span.attributes.get("request_id").is_some_and(|id| id == request_id);
            if let Some(root) = spans.iter().find(of_request).cloned() {
                let all = spans.into_iter().filter(|span| span.trace == root.trace).collect();
                return Tree { root, all };
            }
            assert!(started.elapsed() < SOON, "no trace of {request_id} among {spans:#?}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Tree {
    /// What stands below a span, as it happened.
    pub fn below(&self, parent: &Span) -> Vec<Span> {
        let mut below: Vec<_> = self.all.iter().filter(|span| span.parent == parent.id).cloned().collect();
        below.sort_by_key(|span| span.begun);
        below
    }

    pub fn steps(&self) -> Vec<String> {
        self.below(&self.root).into_iter().map(|span| span.name).collect()
    }

    /// The only one of this name.
    pub fn only(&self, name: &str) -> Span {
        let named: Vec<_> = self.all.iter().filter(|span| span.name == name).collect();
        let [span] = named[..] else { panic!("not one {name} in {:#?}", self.all) };
        span.clone()
    }

    /// The questions to upstreams below a step.
    pub fn asked_in(&self, step: &str) -> Vec<Span> {
        let mut asked = self.below(&self.only(step));
        asked.retain(|span| span.kind == CLIENT);
        asked
    }
}

impl Span {
    pub fn says(&self, name: &str) -> &str {
        self.attributes.get(name).unwrap_or_else(|| panic!("no {name} in {self:#?}"))
    }

    /// As it is written into a request.
    pub fn as_parent(&self) -> String {
        format!("00-{}-{}-01", self.trace, self.id)
    }
}

impl Taken {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<&'static [u8]>> {
        assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/v1/traces"));
        assert_eq!(request.headers()["content-type"], "application/x-protobuf");
        self.headers.lock().unwrap().push(request.headers().clone());
        let body = request.into_body().collect().await.unwrap().to_bytes();
        self.raw.lock().unwrap().extend_from_slice(&body);
        let decoded = ExportTraceServiceRequest::decode(body).expect("a request of the protocol");
        self.spans.lock().unwrap().extend(read(&decoded));
        let mut response = Response::new(Full::new([].as_slice()));
        *response.status_mut() = StatusCode::OK;
        response
    }
}

fn read(request: &ExportTraceServiceRequest) -> Vec<Span> {
    let mut spans = Vec::new();
    for resource in &request.resource_spans {
        let of_resource = attributes(&resource.resource.as_ref().unwrap().attributes);
        for span in resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
            spans.push(Span {
                name: span.name.clone(),
                kind: span.kind,
                trace: hex::encode(&span.trace_id),
                id: hex::encode(&span.span_id),
                parent: hex::encode(&span.parent_span_id),
                state: span.trace_state.clone(),
                attributes: attributes(&span.attributes),
                resource: of_resource.clone(),
                is_error: span.status.as_ref().is_some_and(|status| status.code == 2),
                begun: span.start_time_unix_nano,
                took: Duration::from_nanos(span.end_time_unix_nano - span.start_time_unix_nano),
            });
        }
    }
    spans
}

fn attributes(pairs: &[KeyValue]) -> Attributes {
    let text = |pair: &KeyValue| match pair.value.as_ref().and_then(|value| value.value.clone()) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{}: {other:?}", pair.key),
    };
    let all: Attributes = pairs.iter().map(|pair| (pair.key.clone(), text(pair))).collect();
    assert_eq!(all.len(), pairs.len(), "an attribute stands there twice: {pairs:#?}");
    all
}
