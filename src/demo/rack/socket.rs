//! Websocket sessions: the handshake, the rack's late authentication, and how a stream ends.
//!
//! Output is text frames of arbitrary bytes. An empty binary frame ends a stream, either way. Nobody sends
//! Close, and the rack keeps the connection for a while after the end.

use super::{
    auth::{self, Role},
    call::Call,
    frame::{self, Opcode},
    reply::{self, Answer, Refusal, Reply},
    shared::Shared,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header, request::Parts};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use sha1::{Digest as _, Sha1};
use std::{
    future::{Future, pending},
    io,
    sync::Arc,
};
use tokio::{
    io::{AsyncWriteExt as _, ReadHalf, WriteHalf},
    sync::{Mutex, mpsc},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

const ACCEPT_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const WAITING_FRAMES: usize = 64;

type Stream = TokioIo<Upgraded>;

/// What a kind of stream asks of its caller and does for it.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    pub needs: Role,
    pub pings: Pings,
}

/// Handlers that read their socket answer pings; log streams never do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pings {
    Answered,
    Ignored,
}

/// True for the one spelling that the rack takes as a websocket request.
pub fn is_handshake(parts: &Parts) -> bool {
    parts.headers.get(header::UPGRADE).is_some_and(|value| value == "websocket")
}

/// Answers the handshake and runs `talk` on the new stream. A talk that fails with an error of its own (not of
/// the socket) has told so to the client itself.
pub fn accept<F, Fut>(call: Call, terms: Terms, talk: F) -> Answer
where
    F: FnOnce(Input, Output) -> Fut + Send + 'static,
    Fut: Future<Output = io::Result<()>> + Send + 'static,
{
    if !same_origin(&call.parts.headers) {
        return Ok(reply::text(StatusCode::FORBIDDEN, "Forbidden\n"));
    }
    let Some(key) = call.parts.headers.get(header::SEC_WEBSOCKET_KEY) else {
        return Err(Refusal::Invalid("websocket: 'Sec-WebSocket-Key' header is missing or blank".into()));
    };
    let switching = switching(key);
    let shared = call.shared.clone();
    let upgrade = hyper::upgrade::on(Request::from_parts(call.parts, ()));
    let allowed = auth::require(call.grant, terms.needs);
    shared.spawn(session(shared.clone(), upgrade, terms, allowed, talk));
    Ok(switching)
}

async fn session<F, Fut>(
    shared: Arc<Shared>,
    upgrade: OnUpgrade,
    terms: Terms,
    allowed: Result<(), Refusal>,
    talk: F,
) where
    F: FnOnce(Input, Output) -> Fut,
    Fut: Future<Output = io::Result<()>>,
{
    let Ok(upgraded) = upgrade.await else { return };
    let (reader, writer) = tokio::io::split(TokioIo::new(upgraded));
    let output = Output(Arc::new(Mutex::new(writer)));
    let (sender, input) = mpsc::channel(WAITING_FRAMES);
    let reset = CancellationToken::new();
    let pump = Pump { output: output.clone(), sender, pings: terms.pings, reset: reset.clone() };
    let held = shared.sockets.hold();
    let _pump = AbortOnDropHandle::new(tokio::spawn(async move {
        pump.run(reader).await;
        drop(held);
    }));

    let conversation = async {
        match allowed {
            Ok(()) => talk(Input(input), output.clone()).await,
            Err(refusal) => output.fail(&refusal.to_string()).await,
        }
    };
    tokio::select! {
        biased;
        // The other side reset the connection or broke the rules: nobody is left to talk to.
        () = reset.cancelled() => {}
        result = conversation => if result.is_ok() {
            tokio::time::sleep(shared.linger).await;
        }
    }
}

/// Reads frames for as long as the connection lives, also when nobody wants their content any more.
struct Pump {
    output: Output,
    sender: mpsc::Sender<Said>,
    pings: Pings,
    reset: CancellationToken,
}

impl Pump {
    async fn run(self, mut reader: ReadHalf<Stream>) {
        let mut sender = Some(self.sender);
        loop {
            let frame = match frame::read(&mut reader).await {
                Ok(Some(frame)) => frame,
                Ok(None) => return,
                Err(_) => return self.reset.cancel(),
            };
            match frame.opcode {
                Opcode::Text | Opcode::Continuation => {
                    if let Some(open) = &sender
                        && open.send(Said::Data(frame.payload.into())).await.is_err()
                    {
                        sender = None;
                    }
                }
                Opcode::Binary | Opcode::Close => {
                    if let Some(open) = sender.take() {
                        let _ = open.send(Said::End).await;
                    }
                }
                Opcode::Ping if self.pings == Pings::Answered => {
                    if self.output.frame(Opcode::Pong, &frame.payload).await.is_err() {
                        return;
                    }
                }
                Opcode::Ping | Opcode::Pong => {}
            }
        }
    }
}

enum Said {
    Data(Bytes),
    End,
}

/// What the client sends. Ends with its empty binary frame or with the connection.
pub struct Input(mpsc::Receiver<Said>);

impl Input {
    /// `None` at the end, and then always.
    pub async fn next(&mut self) -> Option<Bytes> {
        match self.0.recv().await? {
            Said::Data(data) => Some(data),
            Said::End => None,
        }
    }

    /// Waits until the client says that it wants no more. One that only hangs up never says so.
    pub async fn told_to_end(&mut self) {
        loop {
            match self.0.recv().await {
                Some(Said::Data(_)) => {}
                Some(Said::End) => return,
                None => pending().await,
            }
        }
    }
}

/// What the client gets. Clones write to the same stream; every message is one write.
#[derive(Clone)]
pub struct Output(Arc<Mutex<WriteHalf<Stream>>>);

impl Output {
    pub async fn text(&self, data: &[u8]) -> io::Result<()> {
        self.frame(Opcode::Text, data).await
    }

    /// Says that nothing more will come.
    pub async fn end(&self) -> io::Result<()> {
        self.frame(Opcode::Binary, &[]).await
    }

    /// Ends the stream with the reason for it.
    pub async fn fail(&self, message: &str) -> io::Result<()> {
        self.text(format!("ERROR: {message}\n").as_bytes()).await?;
        self.end().await
    }

    async fn frame(&self, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        let wire = frame::message(opcode, payload);
        let mut writer = self.0.lock().await;
        writer.write_all(&wire).await?;
        writer.flush().await
    }
}

fn switching(key: &HeaderValue) -> Reply {
    let mut hasher = Sha1::new();
    hasher.update(key.as_bytes());
    hasher.update(ACCEPT_SUFFIX);
    let proof = BASE64_STANDARD.encode(hasher.finalize());
    let mut reply = reply::empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = reply.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(proof) = HeaderValue::from_str(&proof) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, proof);
    }
    reply
}

/// A browser's page of another host may not open sockets; a client without an `Origin` may.
fn same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let origin = origin.to_str().unwrap_or_default();
    let authority =
        origin.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    authority.eq_ignore_ascii_case(host)
}

#[cfg(test)]
mod tests {
    use super::{super::testing::Client, *};
    use std::time::Duration;
    use tokio::io::AsyncReadExt as _;

    #[test]
    fn proves_the_key_as_the_standard_says() {
        let reply = switching(&HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        assert_eq!(reply.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn origin_must_be_the_host() {
        let headers = |origin: &str| {
            HeaderMap::from_iter([
                (header::HOST, "Rack:5443".parse().unwrap()),
                (header::ORIGIN, origin.parse().unwrap()),
            ])
        };
        assert!(same_origin(&headers("https://rack:5443")));
        assert!(!same_origin(&headers("https://evil:5443")));
        assert!(!same_origin(&headers("null")));
        assert!(same_origin(&HeaderMap::new()));
    }

    async fn status(headers: &str) -> String {
        let client = Client::start().await;
        let request = format!("GET /apps/web/logs HTTP/1.1\r\nHost: rack\r\n{headers}\r\n\r\n");
        client.raw(&request).await.0.lines().next().unwrap().to_owned()
    }

    #[tokio::test]
    async fn takes_one_spelling_of_the_handshake_only() {
        const KEY: &str = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==";
        let keep_alive = format!("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n{KEY}");
        assert_eq!(status(&keep_alive).await, "HTTP/1.1 101 Switching Protocols");
        for other in ["WebSocket", "websocket, h2c"] {
            let headers = format!("Connection: Upgrade\r\nUpgrade: {other}\r\n{KEY}");
            assert_eq!(status(&headers).await, "HTTP/1.1 404 Not Found", "{other}");
        }
        let foreign = format!("{keep_alive}\r\nOrigin: http://evil.example");
        assert_eq!(status(&foreign).await, "HTTP/1.1 403 Forbidden");
        let without_key = "Connection: Upgrade\r\nUpgrade: websocket";
        assert_eq!(status(without_key).await, "HTTP/1.1 400 Bad Request");
    }

    #[tokio::test]
    async fn a_broken_frame_ends_the_connection() {
        let client = Client::start().await;
        let request = "GET /apps/web/processes/worker/exec HTTP/1.1\r\nHost: rack\r\nAuthorization: Basic \
            Y29udm94OnNla3JldDEyMw==\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: eA==\r\nCommand: cat\r\n\r\n";
        let (_, mut stream) = client.raw(request).await;
        stream.write_all(&[0x81, 1, b'x']).await.unwrap();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok() && rest.is_empty(), "an unmasked frame is refused without an answer: {rest:?}");
        assert_eq!(client.rack.open_sockets(), 0);
    }
}
