//! The accept loop.

use super::{
    Connection, Drain, ListenerLimits, connection, reaper::reap, registry::Shared, state::Order,
    stream::Stream,
};
use crate::{core::drain::Stage, net::Lanes};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::{body::Incoming, service::Service};
use std::{convert::Infallible, error::Error, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

/// Connections over the cap that are being told so; any more are closed without a word.
const MAX_REFUSALS: usize = 64;
/// A stopping listener takes in what has been accepted until nothing came for this long.
const QUIET: Duration = Duration::from_millis(5);
/// As many as [`TcpListener::bind`] lets wait.
const BACKLOG: u32 = 1024;
const REFUSAL_TIME: Duration = Duration::from_secs(1);
const BUSY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    limits: ListenerLimits,
    lanes: Lanes,
}

impl Listener {
    /// Port 0 picks a free one. With a `tls` configuration every connection must begin with a handshake; it may
    /// hold a certificate resolver that changes its mind later.
    pub async fn bind(
        addr: SocketAddr,
        tls: Option<Arc<rustls::ServerConfig>>,
        limits: ListenerLimits,
    ) -> io::Result<Self> {
        Ok(Self { tcp: TcpListener::bind(addr).await?, tls, limits, lanes: Lanes::default() })
    }

    /// The same on a port that other processes may share, if they ask for it too: the kernel deals new connections out
    /// among them. So the next process can begin while this one finishes.
    pub fn bind_shared(
        addr: SocketAddr,
        tls: Option<Arc<rustls::ServerConfig>>,
        limits: ListenerLimits,
    ) -> io::Result<Self> {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(true)?;
        socket.bind(addr)?;
        Ok(Self { tcp: socket.listen(BACKLOG)?, tls, limits, lanes: Lanes::default() })
    }

    /// Deals its connections out to `lanes`.
    pub fn on(self, lanes: Lanes) -> Self {
        Self { lanes, ..self }
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Serves HTTP/1.1 until `drain` has ended it: returns when the last connection, tunnels included, is gone.
    /// Install the metrics recorder before. Do not drop the future: the limits of connections that are open would go
    /// with it.
    pub async fn serve<S, B>(self, service: S, drain: Drain)
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let shared = Shared::new(self.limits, drain.clone(), self.lanes.clone());
        let mut reaper = JoinSet::new();
        reaper.spawn(reap(shared.clone()));

        let accepting = drain.listener();
        self.accept_until(&drain, &shared, service).await;
        drop(accepting);
        let _ = timeout(shared.limits.last_requests, drain.until(|| shared.is_empty())).await;
        shared.tell_all(Order::Close);
        tokio::select! {
            () = drain.until(|| shared.is_empty()) => return,
            () = drain.reached(Stage::Cutting) => (),
        }
        shared.tell_all(Order::Cut);
        drain.until(|| shared.is_empty()).await;
    }

    /// Takes the socket with it, so that a stopping listener refuses connections. Those that the kernel has accepted
    /// by then are taken in first.
    async fn accept_until<S, B>(self, drain: &Drain, shared: &Arc<Shared>, service: S)
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let http = connection::http(&self.limits);
        let refusals = Arc::new(Semaphore::new(MAX_REFUSALS));
        let refused = metrics::counter!("gateway_connections_refused_total");
        let mut pause = SHORTEST_PAUSE;
        let mut closing = pin!(drain.reached(Stage::Closing));
        let mut late = 0;
        loop {
            let accepted = if drain.is_closing() {
                late += 1;
                match timeout(QUIET, self.tcp.accept()).await {
                    Ok(accepted) if late <= BACKLOG => accepted,
                    _ => return,
                }
            } else {
                tokio::select! {
                    accepted = self.tcp.accept() => accepted,
                    () = &mut closing => continue,
                }
            };
            let (tcp, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) if is_of_one_connection(&error) => continue,
                Err(_) if drain.is_closing() => return,
                Err(error) => {
                    tracing::warn!(%error, pause_ms = pause.as_millis(), "cannot accept connections");
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    continue;
                }
            };
            pause = SHORTEST_PAUSE;
            let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
            match shared.admit(Connection { peer, tls: self.tls.is_some() }) {
                Some(guard) => {
                    let Ok(tcp) = tcp.into_std() else { continue };
                    let (tls, http, service) = (self.tls.clone(), http.clone(), service.clone());
                    let runtime = guard.runtime().clone();
                    runtime.spawn(connection::serve(tcp, tls, http, guard, service));
                }
                None => {
                    refused.increment(1);
                    refuse(tcp, self.tls.clone(), &refusals);
                }
            }
        }
    }
}

/// True when the next `accept` may well succeed; false when the process is out of descriptors or memory.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

fn refuse(tcp: TcpStream, tls: Option<Arc<rustls::ServerConfig>>, refusals: &Arc<Semaphore>) {
    let Ok(permit) = refusals.clone().try_acquire_owned() else { return };
    tokio::spawn(async move {
        let _ = timeout(REFUSAL_TIME, say_busy(tcp, tls)).await;
        drop(permit);
    });
}

/// Reads on after the answer, because a socket closed with unread bytes is reset and the answer lost.
async fn say_busy(tcp: TcpStream, tls: Option<Arc<rustls::ServerConfig>>) -> io::Result<()> {
    let mut stream = match tls {
        None => Stream::Plain(tcp.into()),
        Some(config) => Stream::Tls(Box::new(TlsAcceptor::from(config).accept(tcp).await?)),
    };
    stream.write_all(BUSY).await?;
    stream.shutdown().await?;
    let mut scratch = [0; 1024];
    while stream.read(&mut scratch).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_out_of_descriptors_pauses() {
        const EMFILE: i32 = 24;
        const ECONNABORTED: i32 = 103;
        assert!(!is_of_one_connection(&io::Error::from_raw_os_error(EMFILE)));
        assert!(is_of_one_connection(&io::Error::from_raw_os_error(ECONNABORTED)));
    }
}
