//! Sockets: the accept loop, TLS, time limits, strict HTTP/1.1 and the way to stop. What a request means is not
//! known here; the listener hands each well-formed one to a hyper service and keeps the rest out.
//!
//! The files, in the order a connection meets them: `accept` takes it, `connection` carries it through TLS and
//! hyper, `watched` sees its bytes and tells `framing` (where do heads begin and end?) and `state` (when did it
//! last move?), `service` refuses what `strict` refuses, `reaper` cuts the slow, `drain` ends it all.

mod accept;
mod certificate;
mod connection;
mod framing;
mod reaper;
mod registry;
mod service;
mod state;
mod stream;
pub mod strict;
#[cfg(test)]
mod tests;
mod watched;

pub use crate::core::drain::{Drain, DrainHandle, Drained, TunnelGuard, drain};
pub use accept::Listener;
pub use certificate::{Certificate, CertificateError, CertificateFiles};
pub use stream::Stream;
pub use watched::Watched;

use std::{net::SocketAddr, time::Duration};

/// How much patience and memory one client may use. Times are measured by a clock that ticks every 100 ms and
/// looked at every 500 ms, so a cut may come that much late (faster when the limits themselves are short).
#[derive(Debug, Clone, Copy)]
pub struct ListenerLimits {
    /// Open connections, tunnels included. One more is answered 503 and closed.
    pub max_connections: usize,
    /// From the first byte of a request head (or from the start of a connection that sends none) to its end.
    pub header_timeout: Duration,
    /// How long a connection may rest between two requests.
    pub keepalive_timeout: Duration,
    /// A request body that is awaited must move at least 1 KiB in this time.
    pub body_idle_timeout: Duration,
    pub handshake_timeout: Duration,
    /// How long a client may refuse to take any byte of a response.
    pub write_stall_timeout: Duration,
    /// After the last connection was accepted, how long those that are open may still bring requests. Then those at rest
    /// are closed.
    pub last_requests: Duration,
    /// Request line and headers together; more is answered 431.
    pub max_header_bytes: usize,
}

impl Default for ListenerLimits {
    /// `keepalive_timeout` is longer than the 90 s for which stock clients pool their connections, so that it is
    /// they who close, and no request is lost in the race.
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            header_timeout: Duration::from_secs(10),
            keepalive_timeout: Duration::from_secs(120),
            body_idle_timeout: Duration::from_secs(60),
            handshake_timeout: Duration::from_secs(10),
            write_stall_timeout: Duration::from_secs(600),
            last_requests: Duration::from_millis(200),
            max_header_bytes: 128 * 1024,
        }
    }
}

/// Who is at the other end of the socket. Every request carries it in its extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// The peer of the socket, perhaps a load balancer; IPv4 even when it came over a dual-stack socket.
    pub peer: SocketAddr,
    pub tls: bool,
}
