//! A small HTTP service that tells how it was asked.

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};

pub struct Server {
    pub at: SocketAddr,
    hits: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

impl Server {
    pub async fn start(name: &'static str) -> Self {
        Self::on("127.0.0.1:0".parse().unwrap(), name).await
    }

    pub async fn on(at: SocketAddr, name: &'static str) -> Self {
        let listener = TcpListener::bind(at).await.unwrap();
        let (at, hits) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let counted = hits.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let counted = counted.clone();
                connections.spawn(async move {
                    let service = service_fn(move |request| {
                        counted.fetch_add(1, Ordering::SeqCst);
                        async move { Ok::<_, Infallible>(answer(name, request).await) }
                    });
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = http.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
                });
            }
        });
        Self { at, hits, task }
    }

    pub fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }

    /// As abrupt as a kill: the listener and every connection are gone.
    pub async fn kill(self) -> SocketAddr {
        self.task.abort();
        let _ = self.task.await;
        self.at
    }
}

async fn answer(name: &str, mut request: Request<Incoming>) -> Response<Body> {
    match request.uri().path() {
        "/ws" => websocket(&mut request),
        "/events" => events(),
        "/redirect" => {
            Response::builder().status(302).header("location", "/elsewhere?x").body(text("")).unwrap()
        }
        "/cookies" => Response::builder()
            .header("set-cookie", "mine=1; Path=/; HttpOnly")
            .header("set-cookie", "session_token=planted; Path=/")
            .header("content-security-policy", "default-src *")
            .body(text("<script>1</script>"))
            .unwrap(),
        "/upgrade" => Response::builder()
            .status(101)
            .header("upgrade", "evil")
            .header("connection", "upgrade")
            .body(text(""))
            .unwrap(),
        "/hang" => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Response::new(text("late"))
        }
        _ => echo(name, request).await,
    }
}

/// What came, as JSON.
async fn echo(name: &str, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let headers: Vec<Value> = head
        .headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    let said = json!({
        "name": name,
        "method": head.method.as_str(),
        "target": head.uri.to_string(),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
        "length": body.len(),
    });
    Response::builder().header("content-type", "application/json").body(text(said.to_string())).unwrap()
}

fn text(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed_unsync()
}

/// Three events, half a second apart.
fn events() -> Response<Body> {
    let events = futures_util::stream::unfold(0, |count| async move {
        if count == 3 {
            return None;
        }
        if count > 0 {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(format!("data: {count}\n\n")))), count + 1))
    });
    Response::builder()
        .header("content-type", "text/event-stream")
        .body(StreamBody::new(events).boxed_unsync())
        .unwrap()
}

/// Says everything back, and tells first which protocol was asked for.
fn websocket(request: &mut Request<Incoming>) -> Response<Body> {
    let Some(key) = request.headers().get("sec-websocket-key").cloned() else {
        return Response::builder().status(StatusCode::BAD_REQUEST).body(text("no websocket")).unwrap();
    };
    let extensions = request.headers().contains_key("sec-websocket-extensions");
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let stream = TokioIo::new(upgrade.await.unwrap());
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        let hello = if extensions { "with extensions" } else { "plain" };
        let _ = socket.send(Message::text(hello)).await;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() || socket.send(message).await.is_err() {
                return;
            }
        }
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header("sec-websocket-accept", derive_accept_key(key.as_bytes()))
        .body(text(""))
        .unwrap()
}

/// The value of a header that [`echo`] saw; `None` when it did not come.
pub fn header<'a>(said: &'a Value, name: &str) -> Option<&'a str> {
    let headers = said["headers"].as_array().unwrap();
    headers.iter().find(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap())
}
