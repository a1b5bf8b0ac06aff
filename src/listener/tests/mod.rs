//! The listener from the outside: raw sockets against a small service that is served on two lanes.

mod limits;
mod smuggling;
mod stopping;

use super::{Connection, DrainHandle, Listener, ListenerLimits, drain};
use crate::net::{LaneThreads, Lanes};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{Request, Response, StatusCode, header::UPGRADE};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
    task::JoinHandle,
    time::{sleep, timeout},
};

/// For what must happen, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3_600);

/// Those that are not under test are never reached.
fn limits() -> ListenerLimits {
    ListenerLimits {
        header_timeout: HOUR,
        keepalive_timeout: HOUR,
        body_idle_timeout: HOUR,
        handshake_timeout: HOUR,
        write_stall_timeout: HOUR,
        ..ListenerLimits::default()
    }
}

/// What the service saw: a request's path, and whether its body came whole.
type Seen = (String, bool);

struct Rig {
    addr: SocketAddr,
    drain: DrainHandle,
    seen: mpsc::UnboundedReceiver<Seen>,
    serving: JoinHandle<()>,
    _threads: LaneThreads,
}

impl Rig {
    async fn next_seen(&mut self) -> Seen {
        timeout(PATIENCE, self.seen.recv()).await.expect("the service saw nothing").unwrap()
    }
}

async fn rig(limits: ListenerLimits) -> Rig {
    rig_with(limits, None).await
}

async fn rig_with(limits: ListenerLimits, tls: Option<Arc<rustls::ServerConfig>>) -> Rig {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), tls, limits).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (lanes, _threads) = Lanes::start(2).unwrap();
    let (tell, seen) = mpsc::unbounded_channel();
    let (handle, drain) = drain();
    let tunnels = drain.clone();
    let service = service_fn(move |request| {
        let (tell, tunnels) = (tell.clone(), tunnels.clone());
        async move { Ok::<_, Infallible>(answer(request, tell, tunnels).await) }
    });
    let serving = tokio::spawn(listener.on(lanes).serve(service, drain));
    Rig { addr, drain: handle, seen, serving, _threads }
}

async fn answer(
    mut request: Request<Incoming>,
    tell: mpsc::UnboundedSender<Seen>,
    drain: super::Drain,
) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    assert!(request.extensions().get::<Connection>().is_some());
    let path = request.uri().path().to_owned();
    let mut status = StatusCode::OK;
    let mut whole = true;
    match path.as_str() {
        "/unread" => status = StatusCode::UNAUTHORIZED,
        "/slow" => sleep(Duration::from_millis(900)).await,
        "/endless" => {
            let _ = tell.send((path, true));
            let megabyte = Bytes::from(vec![b'x'; 1 << 20]);
            let body = stream::repeat(megabyte).map(|chunk| Ok(Frame::data(chunk)));
            return Response::new(StreamBody::new(body).boxed_unsync());
        }
        "/upgrade" => {
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let guard = drain.tunnel();
                let mut io = TokioIo::new(upgrade.await.unwrap());
                let mut buf = [0; 64];
                while let Ok(read @ 1..) = io.read(&mut buf).await {
                    io.write_all(&buf[..read]).await.unwrap();
                }
                drop(guard);
            });
            let mut response = Response::new(Full::default().boxed_unsync());
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            response.headers_mut().insert(UPGRADE, "echo".parse().unwrap());
            let _ = tell.send((path, true));
            return response;
        }
        _ => whole = request.body_mut().collect().await.is_ok(),
    }
    let _ = tell.send((path, whole));
    let mut response = Response::new(Full::from("ok").boxed_unsync());
    *response.status_mut() = status;
    response
}

/// Reads until the other side closes; panics when it does not.
async fn to_end(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut reply = Vec::new();
    let _reset = timeout(PATIENCE, stream.read_to_end(&mut reply)).await.expect("the connection stays open");
    String::from_utf8_lossy(&reply).into_owned()
}

/// Reads one response whose body is `ok`.
async fn one_ok(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut reply = Vec::new();
    while !reply.ends_with(b"\r\n\r\nok") {
        let read = timeout(PATIENCE, stream.read_buf(&mut reply)).await.expect("no response").unwrap();
        assert_ne!(read, 0, "closed after {}", reply.escape_ascii());
    }
    String::from_utf8(reply).unwrap()
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

async fn connect(rig: &Rig) -> TcpStream {
    TcpStream::connect(rig.addr).await.unwrap()
}

async fn send(rig: &Rig, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(rig).await;
    stream.write_all(bytes).await.unwrap();
    stream
}
