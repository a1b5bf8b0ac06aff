//! A rack as the gateway reaches it: its address, its credential, its connections.

use super::{
    OutgoingBody, RackBody, Silence, Trust, TrustError,
    metrics::{self, RackMetrics},
    service::{ServiceError, Services},
    skew::Skew,
    way::{Unusable, Way},
};
use crate::{
    audit::ByteCounters,
    core::{Live, RequestId, Secret, Timestamp},
    policy::{Demanding, Permit},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri,
    header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, UPGRADE},
    uri::PathAndQuery,
};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

static CONVOX_ACTOR: HeaderName = HeaderName::from_static("convox-actor");

/// A call that says exactly what is to be sent.
pub trait Outbound: Demanding {
    fn method(&self) -> &Method;
    /// Path and query, rebuilt from what was decided on; begins with `/`.
    fn path_and_query(&self) -> &str;
    /// End-to-end headers, without host, credentials and framing.
    fn take_headers(&mut self) -> HeaderMap;
    fn is_websocket(&self) -> bool;
}

impl<T: Outbound> Outbound for Box<T> {
    fn method(&self) -> &Method {
        (**self).method()
    }

    fn path_and_query(&self) -> &str {
        (**self).path_and_query()
    }

    fn take_headers(&mut self) -> HeaderMap {
        (**self).take_headers()
    }

    fn is_websocket(&self) -> bool {
        (**self).is_websocket()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    #[error("the rack cannot be reached")]
    Unreachable(#[source] std::io::Error),
    #[error("the connection to the rack broke")]
    Broken(#[source] hyper::Error),
    #[error("the rack was silent for {0:?}")]
    TimedOut(Duration),
    #[error("the rebuilt request cannot be sent")]
    Malformed(#[from] http::Error),
    /// The directory has no instance of it that takes calls.
    #[error("the rack cannot be reached")]
    Nobody(#[source] ServiceError),
}

impl From<ServiceError> for UpstreamError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Unreachable(cause) => Self::Unreachable(cause),
            ServiceError::Broken(cause) => Self::Broken(cause),
            ServiceError::TimedOut(limit) => Self::TimedOut(limit),
            ServiceError::Malformed(error) => Self::Malformed(error),
            nobody @ (ServiceError::Unknown(_) | ServiceError::NoneLive) => Self::Nobody(nobody),
        }
    }
}

impl UpstreamError {
    /// A word for metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) | Self::Nobody(_) => "unreachable",
            Self::Broken(_) => "broken",
            Self::TimedOut(_) => "timeout",
            Self::Malformed(_) => "malformed",
        }
    }
}

#[derive(Debug)]
pub struct Rack {
    pub name: Arc<str>,
    /// Path before each rack path, without a trailing slash.
    prefix: String,
    authorization: HeaderValue,
    way: Way,
    silence: Silence,
    metrics: RackMetrics,
    skew: Skew,
    /// Counts what goes to the rack and what comes from it.
    pub bytes: Arc<ByteCounters>,
}

/// What it takes to reach a rack.
#[derive(Clone, Debug)]
pub struct RackAddress {
    pub name: String,
    /// `http`, `https`, or `svc` for a service of the directory; with no credential in it; may have a path.
    pub url: url::Url,
    pub username: String,
    pub password: Secret,
    pub trust: Trust,
}

#[derive(Debug, thiserror::Error)]
pub enum RackError {
    #[error("rack {rack}: {source}")]
    Trust { rack: String, source: TrustError },
    #[error("rack {rack}: the address cannot be used: {why}")]
    Address { rack: String, why: String },
}

impl RackError {
    pub(super) fn of(rack: &str, unusable: Unusable) -> Self {
        let rack = rack.to_owned();
        match unusable {
            Unusable::Trust(source) => Self::Trust { rack, source },
            Unusable::Address(why) => Self::Address { rack, why },
        }
    }
}

impl Rack {
    pub fn new(
        address: &RackAddress,
        connect_timeout: Duration,
        silence: Silence,
    ) -> Result<Self, RackError> {
        let way = Way::to_address(&address.url, &address.trust, connect_timeout, silence);
        Self::by(address, way.map_err(|unusable| RackError::of(&address.name, unusable))?, silence)
    }

    /// A rack that the directory knows by the slug that is the host of its address.
    pub fn of_service(
        address: &RackAddress,
        services: Services,
        silence: Silence,
    ) -> Result<Self, RackError> {
        Self::by(address, Way::to_service(&address.url, services), silence)
    }

    fn by(address: &RackAddress, way: Way, silence: Silence) -> Result<Self, RackError> {
        let bad = |why: String| RackError::Address { rack: address.name.clone(), why };
        let credential = format!("{}:{}", address.username, address.password.expose());
        let mut authorization = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(credential)))
            .map_err(|error| bad(error.to_string()))?;
        authorization.set_sensitive(true);
        Ok(Self {
            name: address.name.as_str().into(),
            prefix: address.url.path().trim_end_matches('/').to_owned(),
            authorization,
            way,
            silence,
            metrics: RackMetrics::of(&address.name),
            skew: Skew::of(&address.name),
            bytes: Arc::new(metrics::byte_counters(&address.name)),
        })
    }

    /// How long this rack may be silent, also in the middle of an answer.
    pub const fn silence(&self) -> Silence {
        self.silence
    }

    /// Compares the clock of an answer that came just now with ours.
    pub fn compare_clocks(&self, answer: &HeaderMap, now: Timestamp) {
        self.skew.look(answer, now);
    }

    /// Sends the call that the permit was given for. `actor` is told to the rack, for its own log. Returns with
    /// the head of the answer.
    pub async fn send<T: Outbound>(
        &self,
        permit: Permit<T>,
        body: OutgoingBody,
        actor: &str,
        request_id: RequestId,
    ) -> Result<Response<RackBody>, UpstreamError> {
        let started = Instant::now();
        let call = permit.into_call();
        let method = call.method().clone();
        let answer = match self.request(call, body, actor, request_id) {
            Ok(request) => self.way.exchange(&self.name, request).await,
            Err(error) => Err(error.into()),
        };
        self.metrics.note(&method, &answer, started.elapsed());
        answer
    }

    fn request<T: Outbound>(
        &self,
        mut call: T,
        body: OutgoingBody,
        actor: &str,
        request_id: RequestId,
    ) -> Result<Request<OutgoingBody>, http::Error> {
        let mut path = String::with_capacity(self.prefix.len() + call.path_and_query().len());
        path.push_str(&self.prefix);
        path.push_str(call.path_and_query());
        let uri = Uri::from(PathAndQuery::from_maybe_shared(path)?);
        let is_form = matches!(body, OutgoingBody::Form(_));
        let mut request = Request::new(body);
        *request.method_mut() = call.method().clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = call.take_headers();
        let headers = request.headers_mut();
        if let Some(host) = self.way.host() {
            headers.insert(HOST, host.clone());
        }
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(&CONVOX_ACTOR, HeaderValue::from_str(actor)?);
        request_id.mark(headers);
        if is_form {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        }
        if call.is_websocket() {
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        }
        Ok(request)
    }
}

/// The racks of this gateway, by name; one of them is the default. They may be replaced: who has one goes on with it.
#[derive(Debug)]
pub struct Racks(Live<Named>);

#[derive(Debug)]
struct Named {
    default: Arc<Rack>,
    by_name: BTreeMap<Arc<str>, Arc<Rack>>,
}

impl Racks {
    pub fn new(default: Arc<Rack>, others: impl IntoIterator<Item = Arc<Rack>>) -> Self {
        Self(Live::new(Named::new(default, others)))
    }

    /// From now on these and no others.
    pub fn replace(&self, default: Arc<Rack>, others: impl IntoIterator<Item = Arc<Rack>>) {
        self.0.set(Named::new(default, others));
    }

    pub fn default_rack(&self) -> Arc<Rack> {
        self.0.get().default.clone()
    }

    pub fn named(&self, name: &str) -> Option<Arc<Rack>> {
        self.0.get().by_name.get(name).cloned()
    }

    /// The default rack first, then the others by name.
    pub fn names(&self) -> Vec<Arc<str>> {
        let racks = self.0.get();
        let others = racks.by_name.keys().filter(|name| **name != racks.default.name);
        std::iter::once(&racks.default.name).chain(others).cloned().collect()
    }
}

impl Named {
    fn new(default: Arc<Rack>, others: impl IntoIterator<Item = Arc<Rack>>) -> Self {
        let all = others.into_iter().chain([default.clone()]);
        Self { by_name: all.map(|rack| (rack.name.clone(), rack)).collect(), default }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rack(name: &str) -> Arc<Rack> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let address = RackAddress {
            name: name.to_owned(),
            url: "http://127.0.0.1:1".parse().unwrap(),
            username: "convox".to_owned(),
            password: "x".into(),
            trust: Trust::System,
        };
        Rack::new(&address, Duration::from_secs(1), Silence(Duration::from_secs(1))).unwrap().into()
    }

    #[test]
    fn the_default_rack_is_named_first() {
        let racks = Racks::new(rack("staging"), [rack("production"), rack("zoo")]);
        assert_eq!(racks.names(), ["staging", "production", "zoo"].map(Arc::from));
        assert!(racks.named("production").is_some() && racks.named("nope").is_none());
    }

    #[test]
    fn who_has_a_rack_keeps_it_when_the_racks_are_replaced() {
        let (staging, zoo) = (rack("staging"), rack("zoo"));
        let racks = Racks::new(staging.clone(), [zoo]);
        let taken = racks.named("zoo").unwrap();
        racks.replace(rack("production"), [staging.clone()]);
        assert_eq!(racks.names(), ["production", "staging"].map(Arc::from));
        assert!(racks.named("zoo").is_none() && &*taken.name == "zoo");
        assert!(Arc::ptr_eq(&racks.named("staging").unwrap(), &staging));
    }
}
