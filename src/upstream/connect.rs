//! Pooled HTTP/1.1 connections to one upstream.

use super::{OutgoingBody, Trust, TrustError};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use std::time::Duration;

pub(super) type Pool = Client<HttpsConnector<HttpConnector>, OutgoingBody>;

/// Racks close idle connections after 120 s; we do so earlier, so that a request seldom meets a closing one.
const IDLE: Duration = Duration::from_secs(60);

/// HTTP/1.1 only: a connection that spoke HTTP/2 could not carry a websocket.
pub(super) fn pool(trust: &Trust, connect_timeout: Duration) -> Result<Pool, TrustError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect_timeout));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(trust.client_config()?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(1_024)
        .set_host(false)
        .build(connector))
}
