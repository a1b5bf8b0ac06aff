//! The artifact registry as the gateway reaches it. Its token travels as `X-Registry-Token` and comes from the
//! configuration only.

use super::{
    Outbound, OutgoingBody, RackBody, RackError, Silence, Trust, UpstreamError,
    metrics::{self, RackMetrics},
    service::Services,
    way::Way,
};
use crate::{
    audit::ByteCounters,
    core::{RequestId, Secret},
    policy::Permit,
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, header::HOST, uri::PathAndQuery,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

static X_REGISTRY_TOKEN: HeaderName = HeaderName::from_static("x-registry-token");

/// In metrics and messages; no rack can be called this.
const NAME: &str = "artifact registry";

/// What it takes to reach it.
#[derive(Clone, Debug)]
pub struct ArtifactAddress {
    /// `http`, `https`, or `svc` for a service of the directory; with no credential in it; may have a path.
    pub url: url::Url,
    pub token: Option<Secret>,
    pub trust: Trust,
}

/// What the protocol shows to everybody, or what the gateway cuts down to what each caller may see.
#[derive(Clone, Copy, Debug)]
pub enum OpenDocument<'a> {
    Health,
    Namespaces,
    Schema(&'static str),
    /// A name of letters, digits and dashes.
    Preset(&'a str),
}

#[derive(Debug)]
pub struct ArtifactServer {
    prefix: String,
    token: Option<HeaderValue>,
    way: Way,
    silence: Silence,
    metrics: RackMetrics,
    pub bytes: Arc<ByteCounters>,
}

impl ArtifactServer {
    pub fn new(
        address: &ArtifactAddress,
        connect_timeout: Duration,
        silence: Silence,
    ) -> Result<Self, RackError> {
        let way = Way::to_address(&address.url, &address.trust, connect_timeout, silence);
        Self::by(address, way.map_err(|unusable| RackError::of(NAME, unusable))?, silence)
    }

    /// One that the directory knows by the slug that is the host of its address.
    pub fn of_service(
        address: &ArtifactAddress,
        services: Services,
        silence: Silence,
    ) -> Result<Self, RackError> {
        Self::by(address, Way::to_service(&address.url, services), silence)
    }

    fn by(address: &ArtifactAddress, way: Way, silence: Silence) -> Result<Self, RackError> {
        let bad = |why: String| RackError::Address { rack: NAME.to_owned(), why };
        let token = address.token.as_ref().map(|token| {
            let mut token = HeaderValue::from_str(token.expose()).map_err(|error| bad(error.to_string()))?;
            token.set_sensitive(true);
            Ok(token)
        });
        Ok(Self {
            prefix: address.url.path().trim_end_matches('/').to_owned(),
            token: token.transpose()?,
            way,
            silence,
            metrics: RackMetrics::of(NAME),
            bytes: Arc::new(metrics::byte_counters(NAME)),
        })
    }

    pub const fn silence(&self) -> Silence {
        self.silence
    }

    /// Sends what the permit was given for. Returns with the head of the answer.
    pub async fn send<T: Outbound>(
        &self,
        permit: Permit<T>,
        body: OutgoingBody,
        request_id: RequestId,
    ) -> Result<Response<RackBody>, UpstreamError> {
        let mut call = permit.into_call();
        let headers = call.take_headers();
        let request = self.request(call.method().clone(), call.path_and_query(), headers, body, request_id);
        self.exchange(request).await
    }

    /// Asks for what needs no permission.
    pub async fn ask(
        &self,
        document: OpenDocument<'_>,
        method: Method,
        headers: HeaderMap,
        request_id: RequestId,
    ) -> Result<Response<RackBody>, UpstreamError> {
        let path = match document {
            OpenDocument::Health => "/health".to_owned(),
            OpenDocument::Namespaces => "/namespaces".to_owned(),
            OpenDocument::Schema(file) => format!("/schemas/{file}"),
            OpenDocument::Preset(name) => format!("/presets/{name}"),
        };
        self.exchange(self.request(method, &path, headers, OutgoingBody::Empty, request_id)).await
    }

    async fn exchange(
        &self,
        request: Result<Request<OutgoingBody>, http::Error>,
    ) -> Result<Response<RackBody>, UpstreamError> {
        let started = Instant::now();
        let request = request?;
        let method = request.method().clone();
        let answer = self.way.exchange(NAME, request).await;
        self.metrics.note(&method, &answer, started.elapsed());
        answer
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: OutgoingBody,
        request_id: RequestId,
    ) -> Result<Request<OutgoingBody>, http::Error> {
        let uri = Uri::from(PathAndQuery::from_maybe_shared(format!("{}{path}", self.prefix))?);
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        let headers = request.headers_mut();
        if let Some(host) = self.way.host() {
            headers.insert(HOST, host.clone());
        }
        request_id.mark(headers);
        headers.remove(&X_REGISTRY_TOKEN);
        if let Some(token) = &self.token {
            headers.insert(&X_REGISTRY_TOKEN, token.clone());
        }
        Ok(request)
    }
}
