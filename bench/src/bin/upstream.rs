//! The upstream of all measurements, on one thread: a rack that answers at once.
//!
//! `GET …/zeros/N` and `GET …/builds/BN.tgz` stream N zero bytes; a WebSocket upgrade is accepted and stays silent;
//! any other GET is a list of apps of exactly 1 KiB; any other method counts its body and says how long it was.

use base64::Engine as _;
use bytes::Bytes;
use clap::Parser;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, UPGRADE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rack_gateway_bench::Outcome;
use sha1::{Digest, Sha1};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

const PAGE_BYTES: usize = 1024;
const ZEROS: Bytes = Bytes::from_static(&[0; 64 * 1024]);

#[derive(Parser)]
struct Args {
    #[arg(long)]
    listen: String,
}

type Reply = Response<Either<Full<Bytes>, Zeros>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let args = Args::parse();
    let listener = TcpListener::bind(&args.listen).await?;
    let page = Bytes::from(page());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let page = page.clone();
        let service = service_fn(move |request| answer(request, page.clone()));
        tokio::spawn(async move {
            // A client that goes away ends its own connection and nothing else.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades()
                .await;
        });
    }
}

async fn answer(request: Request<Incoming>, page: Bytes) -> Outcome<Reply> {
    if request.headers().contains_key(UPGRADE) {
        return open_silent_socket(request);
    }
    if request.method() != Method::GET {
        return Ok(json(Bytes::from(format!("{{\"bytes\":{}}}", count(request.into_body()).await?))));
    }
    if let Some(bytes) = zeros_wanted(request.uri().path()) {
        return Ok(Response::new(Either::Right(Zeros { left: bytes })));
    }
    Ok(json(page))
}

fn json(text: Bytes) -> Reply {
    let mut response = Response::new(Either::Left(Full::new(text)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Apps as a rack lists them, padded in the last name.
fn page() -> String {
    let app = |name: &str| {
        format!(r#"{{"generation":"3","name":"{name}","release":"RABCDEFGHI","status":"running"}}"#)
    };
    let mut apps: Vec<String> = (0..11).map(|index| app(&format!("app-{index:02}"))).collect();
    let used = apps.join(",").len() + app("").len() + ",[]".len();
    apps.push(app(&"x".repeat(PAGE_BYTES.saturating_sub(used))));
    format!("[{}]", apps.join(","))
}

fn zeros_wanted(path: &str) -> Option<u64> {
    let (folder, last) = path.rsplit_once('/')?;
    if folder.ends_with("/zeros") {
        return last.parse().ok();
    }
    let build = folder.ends_with("/builds").then_some(last)?;
    build.strip_prefix('B')?.strip_suffix(".tgz")?.parse().ok()
}

async fn count(mut body: Incoming) -> Outcome<u64> {
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += frame?.data_ref().map_or(0, Bytes::len) as u64;
    }
    Ok(bytes)
}

fn open_silent_socket(mut request: Request<Incoming>) -> Outcome<Reply> {
    let key = request.headers().get("sec-websocket-key").ok_or("an upgrade without Sec-WebSocket-Key")?;
    let accept = accept_key(key.as_bytes());
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let mut io = TokioIo::new(upgraded);
        let mut buffer = [0; 256];
        while io.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
    });
    Ok(Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header("sec-websocket-accept", accept)
        .body(Either::Left(Full::default()))?)
}

/// RFC 6455, section 4.2.2.
fn accept_key(key: &[u8]) -> String {
    let digest =
        Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
    base64::engine::general_purpose::STANDARD.encode(digest)
}

/// A body of a known number of zero bytes.
struct Zeros {
    left: u64,
}

impl Body for Zeros {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let size = self.left.min(ZEROS.len() as u64);
        self.left -= size;
        Poll::Ready(Some(Ok(Frame::data(ZEROS.slice(..size as usize)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_one_kibibyte_of_json() {
        assert_eq!(page().len(), PAGE_BYTES);
        assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&page()).unwrap().len(), 12);
    }

    #[test]
    fn a_stream_is_asked_for_by_its_path() {
        assert_eq!(zeros_wanted("/apps/x/objects/zeros/70000"), Some(70000));
        assert_eq!(zeros_wanted("/apps/x/builds/B1024.tgz"), Some(1024));
        for path in ["/apps", "/apps/x/builds/B1", "/apps/x/builds/BABC.tgz", "/apps/zeros/-1"] {
            assert_eq!(zeros_wanted(path), None, "{path}");
        }
    }

    #[test]
    fn the_accept_key_is_that_of_the_standard() {
        assert_eq!(accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn zeros_are_as_many_as_asked() {
        let collected = Zeros { left: 150_000 }.collect().await.unwrap();
        assert_eq!(collected.to_bytes().len(), 150_000);
    }
}
