//! A rack that misbehaves as a test wants: each connection is handed to the test's own code.

use super::wire::{Body, Head, Wire};
use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

type Seen = Arc<Mutex<Vec<(Head, Vec<u8>)>>>;

pub struct FakeRack {
    address: SocketAddr,
    seen: Seen,
    connections: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

/// One connection of the gateway's.
pub struct Visit {
    pub wire: Wire,
    seen: Seen,
}

impl FakeRack {
    pub async fn start<F, Fut>(serve: F) -> Self
    where
        F: Fn(Visit) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, connections) = (Seen::default(), Arc::new(AtomicUsize::new(0)));
        let (for_visits, counter) = (seen.clone(), connections.clone());
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(Visit { wire: Wire::on(stream), seen: for_visits.clone() }));
            }
        });
        Self { address, seen, connections, serving }
    }

    /// Answers each request with these bytes and hangs up.
    pub async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        Self::choosing(vec![answer.into()]).await
    }

    /// Answers with the one that the header `X-Answer` names by its number, the first without one, and hangs up.
    pub async fn choosing(answers: Vec<Vec<u8>>) -> Self {
        Self::start(move |mut visit| {
            let answers = answers.clone();
            async move {
                let Some(head) = visit.request().await else { return };
                let chosen = head.header("x-answer").map_or(0, |number| number.parse().unwrap());
                visit.wire.send(&answers[chosen]).await;
            }
        })
        .await
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests that were read whole, with their bodies.
    pub fn seen(&self) -> Vec<(Head, Vec<u8>)> {
        self.seen.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for FakeRack {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Visit {
    /// Reads a request with its body. `None` when the gateway hangs up first.
    pub async fn request(&mut self) -> Option<Head> {
        let head = self.wire.try_head().await?;
        let body = match self.wire.body(&head).await {
            Body::Whole(body) => body,
            Body::Cut(_) => return None,
        };
        self.seen.lock().unwrap().push((head.clone(), body));
        Some(head)
    }

    /// Reads a handshake and accepts it.
    pub async fn accept_socket(mut self) -> TcpStream {
        let head = self.request().await.expect("a handshake");
        let key = head.header("sec-websocket-key").expect("a key");
        let proof = rack_gateway::upstream::websocket::accept_key(key);
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {proof}\r\n\r\n"
        );
        self.wire.send(answer).await;
        self.wire.stream
    }
}
