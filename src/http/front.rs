//! The front door: from a request on the socket to the answer on the socket.

use super::{
    client_ip::{ClientIp, Scheme},
    finish::{Transport, finish},
    health::Health,
    hosts::Hosts,
    patience::{Impatient, Patience},
    router::{Place, place_of},
};
use crate::{
    api::Edge,
    core::{Live, RequestId, SharedClock, Timestamp, rate_limit::RateLimiter},
    gateway::{
        Arrival, Body, Pipeline, Refusal, RouteLabel,
        artifact::{ArtifactArrival, ArtifactPipeline},
        registry::{RegistryArrival, RegistryPipeline},
        respond::{self, ErrorFormat},
        service::{ServiceArrival, ServicePipeline},
    },
    listener::Connection,
    observe::{
        errors::{self, ErrorReport, FailureFacts, capture_server_error},
        metrics::{Exemplar, HttpMetrics, MethodLabel},
        otel::{Answered, Asked, Tracing},
    },
    web::Site,
};
use axum::Router;
use futures_util::FutureExt as _;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONNECTION};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use ipnet::IpNet;
use std::{
    net::{IpAddr, Ipv4Addr},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Instant,
};
use tower::ServiceExt as _;

/// What may change while requests are served.
#[derive(Clone, Debug)]
pub struct FrontSettings {
    pub trusted_proxies: Vec<IpNet>,
    pub hosts: Hosts,
}

/// What lies behind the door. What the configuration does not name is not there.
#[derive(Debug)]
pub struct Rooms {
    pub racks: Pipeline,
    pub registry: Option<RegistryPipeline>,
    pub artifact: Option<ArtifactPipeline>,
    pub services: ServicePipeline,
    pub api: Router,
    pub site: Site,
}

/// What looks on.
#[derive(Debug)]
pub struct Instruments {
    pub metrics: HttpMetrics,
    pub tracing: Tracing,
}

/// Everything a request can meet.
#[derive(Debug)]
pub struct Front {
    rooms: Rooms,
    health: Health,
    limiter: Arc<RateLimiter>,
    patience: Patience,
    instruments: Instruments,
    clock: SharedClock,
    settings: Live<FrontSettings>,
}

impl Front {
    pub fn new(
        rooms: Rooms,
        health: Health,
        instruments: Instruments,
        limiter: Arc<RateLimiter>,
        settings: Live<FrontSettings>,
    ) -> Self {
        let (clock, patience) = (rooms.racks.clock.clone(), Patience::default());
        Self { rooms, health, limiter, patience, instruments, clock, settings }
    }

    /// Answers. A panic in any room becomes a 500 and is reported; the connection lives on.
    pub async fn serve(&self, request: Request<Incoming>) -> Response<Body> {
        let started = Instant::now();
        let _in_flight = self.instruments.metrics.enter();
        let trace = errors::trace();
        let at = self.clock.now();
        let request_id = RequestId::new(at);
        let (ip, transport) = self.origin(&request);
        let traced = self.instruments.tracing.begin(|| asked(&request, request_id, transport));
        let method = request.method().clone();
        let format = ErrorFormat::wanted_by(request.headers());

        // One box here keeps the future small wherever it is moved on its way to the connection.
        let dispatched = Box::pin(self.dispatch(request, request_id, at, ip, transport));
        let answered = AssertUnwindSafe(traced.carry(dispatched)).catch_unwind().await;
        let (mut response, route) =
            answered.unwrap_or_else(|_| (respond::refuse(&Refusal::Internal, format, request_id), "panic"));

        finish(response.headers_mut(), request_id, transport);
        if self.health.drain.is_leaving() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            // The next request should go to a replica that stays.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let elapsed = started.elapsed();
        self.instruments.metrics.record(
            route,
            MethodLabel::from(&method),
            response.status().as_u16(),
            elapsed,
        );
        if let Some(trace) = trace {
            trace.finish(method.as_str(), route, response.status().as_u16(), request_id);
        }
        if let Some(trace_id) = traced.sampled_id() {
            let exemplar = Exemplar { request_id, trace_id, elapsed, at };
            self.instruments.metrics.exemplify(
                route,
                MethodLabel::from(&method),
                response.status().as_u16(),
                exemplar,
            );
        }
        traced.answered(&method, || outcome(&response, route));
        traced.within(|| report(&response, request_id, &method, route));
        response
    }

    fn origin(&self, request: &Request<Incoming>) -> (IpAddr, Transport) {
        let Some(connection) = request.extensions().get::<Connection>() else {
            return (IpAddr::V4(Ipv4Addr::UNSPECIFIED), Transport::Plain);
        };
        let (peer, headers) = (connection.peer.ip(), request.headers());
        let direct = if connection.tls { Scheme::Https } else { Scheme::Http };
        let trusted = &self.settings.get().trusted_proxies;
        let transport = match ClientIp::scheme(peer, headers, trusted, direct) {
            Scheme::Https => Transport::Tls,
            Scheme::Http => Transport::Plain,
        };
        (ClientIp::resolve(peer, headers, trusted), transport)
    }

    /// The answer, and the name of its route in the metrics.
    async fn dispatch(
        &self,
        request: Request<Incoming>,
        request_id: RequestId,
        at: Timestamp,
        ip: IpAddr,
        transport: Transport,
    ) -> (Response<Body>, &'static str) {
        let place = place_of(request.uri().path());
        if place.is_rate_limited()
            && let Err(limited) = self.limit(place, request.method(), at, ip).await
        {
            metrics::counter!("rate_limited_total").increment(1);
            return (limited, "rate-limited");
        }
        if place.has_a_host() && !self.settings.get().hosts.know(&request) {
            let format = ErrorFormat::wanted_by(request.headers());
            return (respond::refuse(&Refusal::WrongHost, format, request_id), "wrong-host");
        }
        match place {
            Place::Health => (only_read(request.method(), || self.health.ready()), "/api/v1/health"),
            Place::Live => (only_read(request.method(), Health::live), "/api/v1/health/live"),
            Place::Checks if is_read(request.method()) => (self.health.checks().await, "/health"),
            Place::Checks => (not_allowed(), "/health"),
            Place::Rack { name, rest } => {
                let (name, target) = (name.map(str::to_owned), target_below(&request, rest));
                let (head, body) = request.into_parts();
                let arrival = Box::new(Arrival { head, body, request_id, ip, rack: name, target });
                self.rooms.racks.run(arrival).await
            }
            Place::Artifact { rest } => match &self.rooms.artifact {
                Some(artifact) => {
                    let target = target_below(&request, rest);
                    let (head, body) = request.into_parts();
                    artifact.run(Box::new(ArtifactArrival { head, body, request_id, ip, target })).await
                }
                None => (not_found(), "unknown"),
            },
            Place::Registry => match &self.rooms.registry {
                Some(registry) => registry.run(for_registry(request, request_id, ip)).await,
                None => (not_found(), "unknown"),
            },
            Place::RegistryToken => match &self.rooms.registry {
                Some(registry) => registry.token(for_registry(request, request_id, ip)).await,
                None => (not_found(), "unknown"),
            },
            Place::Service { slug, rest } => {
                let (slug, rest, scheme) = (slug.to_owned(), rest.to_owned(), transport.scheme());
                let (head, body) = request.into_parts();
                let arrival = ServiceArrival { head, body, request_id, ip, scheme, slug, rest };
                self.rooms.services.run(Box::new(arrival)).await
            }
            Place::ServiceKeys => (self.rooms.services.keys(request.method()), "/.well-known/jwks.json"),
            Place::Api => self.api(request, request_id, ip).await,
            Place::Web => {
                (self.rooms.site.answer(request.method(), request.uri().path(), request.headers()), "/app")
            }
            Place::Unknown => (not_found(), "unknown"),
        }
    }

    /// Counts the request; the answer when its client has asked too much.
    async fn limit(
        &self,
        place: Place<'_>,
        method: &Method,
        at: Timestamp,
        ip: IpAddr,
    ) -> Result<(), Response<Body>> {
        if place == Place::Registry {
            let checked = Box::pin(self.patience.check(&self.limiter, &self.clock, ip, method)).await;
            return checked.map_err(Impatient::response);
        }
        self.limiter.check(ip, at).map_err(|limited| limited.response().map(whole))
    }

    async fn api(
        &self,
        mut request: Request<Incoming>,
        request_id: RequestId,
        ip: IpAddr,
    ) -> (Response<Body>, &'static str) {
        request.extensions_mut().insert(Edge { request_id, ip });
        let Ok(response) = self.rooms.api.clone().oneshot(request).await;
        labelled(response.map(|body| Body::Boxed(body.map_err(Into::into).boxed_unsync())))
    }
}

/// What its trace begins with, unless it is a probe.
fn asked(request: &Request<Incoming>, request_id: RequestId, transport: Transport) -> Option<Asked<'_>> {
    let (method, headers, scheme) = (request.method(), request.headers(), transport.scheme());
    place_of(request.uri().path()).is_traced().then_some(Asked { method, headers, request_id, scheme })
}

fn outcome(response: &Response<Body>, route: &'static str) -> Answered {
    let kind = response.extensions().get::<FailureFacts>().map(|facts| facts.kind);
    Answered { route, status: response.status(), kind }
}

fn labelled(response: Response<Body>) -> (Response<Body>, &'static str) {
    let label = response.extensions().get::<RouteLabel>().map_or("unknown", |label| label.0);
    (response, label)
}

fn for_registry(request: Request<Incoming>, request_id: RequestId, ip: IpAddr) -> RegistryArrival {
    let (head, body) = request.into_parts();
    RegistryArrival { head, body, request_id, ip }
}

/// The rack's path and query as they stood on the request line.
fn target_below(request: &Request<Incoming>, rest: &str) -> String {
    let path = if rest.is_empty() { "/" } else { rest };
    match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

fn whole(body: http_body_util::Full<bytes::Bytes>) -> Body {
    Body::Boxed(body.map_err(|never| match never {}).boxed_unsync())
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn only_read(method: &Method, answer: impl FnOnce() -> Response<Body>) -> Response<Body> {
    if is_read(method) { answer() } else { not_allowed() }
}

fn not_allowed() -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}

fn not_found() -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

/// Tells Sentry of our own and the upstream's failures.
fn report(response: &Response<Body>, request_id: RequestId, method: &Method, route: &'static str) {
    if response.status().is_server_error() {
        let status = response.status().as_u16();
        let facts = response.extensions().get::<FailureFacts>();
        let kind = facts.map_or("server_error", |facts| facts.kind);
        let message = response.status().canonical_reason().unwrap_or("server error");
        capture_server_error(ErrorReport {
            request_id,
            method: method.as_str(),
            route,
            status,
            user_id: facts.and_then(|facts| facts.user_id),
            kind,
            message,
        });
    }
}
