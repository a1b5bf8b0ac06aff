//! Small services for the gateway to look at.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};

/// Answers every request with a status that can be changed, and counts. Gone when it is dropped.
pub struct Service {
    pub address: SocketAddr,
    status: Arc<AtomicU16>,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Service {
    pub async fn start() -> Self {
        Self::saying(200, "").await
    }

    /// Sends everybody on to `elsewhere`.
    pub async fn redirecting(elsewhere: &str) -> Self {
        Self::saying(302, &format!("location: {elsewhere}/\r\n")).await
    }

    async fn saying(status: u16, lines: &str) -> Self {
        let lines: Arc<str> = lines.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (status, asked) = (Arc::new(AtomicU16::new(status)), Arc::new(AtomicUsize::new(0)));
        let (says, counts) = (status.clone(), asked.clone());
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (says, counts, lines) = (says.clone(), counts.clone(), lines.clone());
                tokio::spawn(async move {
                    let mut head = [0; 2_048];
                    if stream.read(&mut head).await.is_ok_and(|read| read > 0) {
                        counts.fetch_add(1, Ordering::SeqCst);
                        let status = says.load(Ordering::SeqCst);
                        let answer = format!("HTTP/1.1 {status} X\r\n{lines}content-length: 0\r\n\r\n");
                        let _ = stream.write_all(answer.as_bytes()).await;
                    }
                });
            }
        });
        Self { address, status, asked, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn say(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// How often it was asked so far.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// As by a signal that nobody can catch.
    pub fn kill(&self) {
        self.task.abort();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}
