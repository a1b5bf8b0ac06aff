//! One connection from handshake to close.

use super::{
    ListenerLimits, Watched,
    registry::ConnGuard,
    service::guarded,
    state::{ConnState, Order, Phase},
    stream::Stream,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    error::Error,
    future::{Future, poll_fn},
    io,
    pin::pin,
    sync::Arc,
    task::Poll,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// Bounds what one connection buffers of a body, each way.
const MIN_BUFFER: usize = 128 * 1024;

pub fn http(limits: &ListenerLimits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    // At most 100 headers: for that many hyper has room on its stack, for others it allocates on every request.
    builder
        .header_read_timeout(None) // the reaper's task, without a timer each request
        .half_close(false)
        .max_header_size(limits.max_header_bytes)
        .max_buf_size(limits.max_header_bytes.max(MIN_BUFFER));
    builder
}

/// Runs until the connection is closed, cut, or has become a tunnel. The socket belongs to no runtime yet: it may have
/// been accepted on another than this.
pub async fn serve<S, B>(
    tcp: std::net::TcpStream,
    tls: Option<Arc<rustls::ServerConfig>>,
    http: http1::Builder,
    guard: ConnGuard,
    service: S,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let state = guard.state.clone();
    let stream = match open(tcp, tls, &state).await {
        Ok(stream) => stream,
        Err(error) => {
            return tracing::debug!(peer = %state.connection.peer, %error, "a connection failed before its first request");
        }
    };
    state.enter(Phase::Head);
    let io = TokioIo::new(Watched::new(stream, guard));
    let mut exchange = pin!(http.serve_connection(io, guarded(service, state.clone())).with_upgrades());
    let mut closing = false;
    let outcome = poll_fn(|cx| {
        state.listen(cx.waker());
        match state.order() {
            Order::Cut => return Poll::Ready(Ok(())),
            Order::Close if !closing => {
                closing = true;
                exchange.as_mut().graceful_shutdown();
            }
            Order::Close | Order::Run => (),
        }
        exchange.as_mut().poll(cx)
    })
    .await;
    if let Err(error) = outcome {
        tracing::debug!(peer = %state.connection.peer, %error, "a connection ended early");
    }
}

async fn open(
    tcp: std::net::TcpStream,
    tls: Option<Arc<rustls::ServerConfig>>,
    state: &ConnState,
) -> io::Result<Stream> {
    let tcp = TcpStream::from_std(tcp)?;
    tcp.set_nodelay(true)?;
    let Some(config) = tls else { return Ok(Stream::Plain(tcp.into())) };
    // Boxed, so that the task of a plain connection does not hold room for a handshake.
    let mut handshake = Box::pin(TlsAcceptor::from(config).accept(tcp));
    let session = poll_fn(|cx| {
        state.listen(cx.waker());
        match state.order() {
            Order::Run => handshake.as_mut().poll(cx),
            Order::Close | Order::Cut => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
        }
    });
    Ok(Stream::Tls(Box::new(session.await?)))
}
