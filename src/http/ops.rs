//! The operators' listener: metrics and probes, never on the public address.

use super::health::Health;
use crate::{
    gateway::Body,
    observe::metrics::{CONTENT_TYPE as EXPOSITION, Metrics},
    store::Db,
};
use http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use hyper::body::Incoming;

#[derive(Clone, Debug)]
pub struct Ops {
    pub metrics: Metrics,
    pub health: Health,
    pub db: Db,
}

impl Ops {
    pub fn answer(&self, request: &Request<Incoming>) -> Response<Body> {
        match request.uri().path() {
            "/metrics" => {
                self.refresh();
                let mut response = Response::new(Body::whole(self.metrics.render()));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(EXPOSITION));
                response
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

    /// Gauges that are read at the scrape and not kept.
    fn refresh(&self) {
        let pool = self.db.pool_state();
        for (state, count) in [("used", pool.used), ("idle", pool.idle), ("max", pool.max)] {
            metrics::gauge!("db_pool_connections", "state" => state).set(f64::from(count));
        }
        metrics::gauge!("gateway_ready").set(if self.health.is_ready() { 1.0 } else { 0.0 });
    }
}
