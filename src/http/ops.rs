//! The operators' listener: metrics and probes, never on the public address.

use super::health::Health;
use crate::{
    core::SharedClock,
    gateway::Body,
    listener::Certificate,
    observe::metrics::{
        CONTENT_TYPE as EXPOSITION, Metrics,
        catalogue::{GATEWAY_READY, TLS_CERTIFICATE_EXPIRY},
        openmetrics,
    },
    store::Db,
};
use arc_swap::ArcSwap;
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};
use hyper::body::Incoming;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Ops {
    pub metrics: Metrics,
    pub health: Health,
    pub db: Db,
    pub clock: SharedClock,
    /// What the main listener shows, when it speaks TLS.
    pub certificate: Option<Arc<Certificate>>,
    /// Text of a registry behind, to stand after our own.
    pub foreign_metrics: Option<Arc<ArcSwap<String>>>,
}

impl Ops {
    pub fn answer(&self, request: &Request<Incoming>) -> Response<Body> {
        match request.uri().path() {
            "/metrics" => {
                self.refresh();
                let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
                self.metrics_for(accept.unwrap_or_default())
            }
            "/livez" => Health::live(),
            "/readyz" => self.health.ready(),
            _ => {
                let mut response = Response::new(Body::Empty);
                *response.status_mut() = StatusCode::NOT_FOUND;
                response
            }
        }
    }

    /// In the plain format, unless there are exemplars and the scraper can read them.
    fn metrics_for(&self, accept: &str) -> Response<Body> {
        let (page, kind) = match self.metrics.has_exemplars() && openmetrics::is_wanted(accept) {
            true => {
                let page = self.page(self.metrics.render_with_exemplars());
                (openmetrics::translate(&page), openmetrics::CONTENT_TYPE)
            }
            false => (self.page(self.metrics.render()), EXPOSITION),
        };
        let mut response = Response::new(Body::whole(page));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    }

    /// A family stands on it once: the registry behind stands in for ours, whose storage does nothing then.
    fn page(&self, own: String) -> String {
        let Some(foreign) = self.foreign_metrics.as_ref().map(|text| text.load_full()) else { return own };
        if foreign.is_empty() {
            return own;
        }
        let mut page: String =
            own.lines().filter(|line| !is_of_storage(line)).flat_map(|line| [line, "\n"]).collect();
        page.push_str(&foreign);
        page
    }

    /// Gauges that are read at the scrape and not kept.
    fn refresh(&self) {
        let pool = self.db.pool_state();
        for (state, count) in [("used", pool.used), ("idle", pool.idle), ("max", pool.max)] {
            metrics::gauge!("db_pool_connections", "state" => state).set(f64::from(count));
        }
        metrics::gauge!(GATEWAY_READY).set(if self.health.is_ready() { 1.0 } else { 0.0 });
        if let Some(certificate) = &self.certificate {
            let left = certificate.expires_at().as_micros().saturating_sub(self.clock.now().as_micros());
            metrics::gauge!(TLS_CERTIFICATE_EXPIRY, "listener" => "main").set(left as f64 / 1e6);
        }
    }
}

fn is_of_storage(line: &str) -> bool {
    let name = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE ")).unwrap_or(line);
    name.starts_with("registry_storage_")
}
