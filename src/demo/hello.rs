//! A small service to be called through the gateway: it says who the gateway says you are.

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{convert::Infallible, io, net::SocketAddr};
use tokio::{net::TcpListener, task::JoinHandle};

/// Ends when it is dropped.
#[derive(Debug)]
pub struct Hello {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Hello {
    /// Listens on a free port of this machine.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        Ok(Self { address, task: tokio::spawn(serve(listener)) })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Hello {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let service = service_fn(|request: Request<Incoming>| async move {
                let text = greeting(request.headers(), request.uri().path());
                let mut response = Response::new(Full::new(Bytes::from(text)));
                let kind = http::HeaderValue::from_static("text/plain; charset=utf-8");
                response.headers_mut().insert(CONTENT_TYPE, kind);
                Ok::<_, Infallible>(response)
            });
            // A client that goes away early is none of our business.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn greeting(headers: &HeaderMap, path: &str) -> String {
    let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("nobody knows");
    format!("Hello {}! You asked for {path}, from {}.\n", said("x-forwarded-user"), said("x-forwarded-for"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_greets_whom_the_gateway_names() {
        let hello = Hello::start().await.unwrap();
        let request = reqwest::Client::new()
            .get(format!("{}/x", hello.url()))
            .header("x-forwarded-user", "ada@example.com");
        let said = request.send().await.unwrap().text().await.unwrap();
        assert_eq!(said, "Hello ada@example.com! You asked for /x, from nobody knows.\n");
        let url = hello.url();
        drop(hello);
        for _ in 0..100 {
            if reqwest::get(&url).await.is_err() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("it goes on after its end");
    }
}
