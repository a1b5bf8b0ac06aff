//! HTTP by hand, for requests that no client library would send.

use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// No answer takes longer than this.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection, kept alive.
pub struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Wire {
    pub async fn open(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), read: Vec::new() }
    }

    /// True unless the other side has closed.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// The next answer; `None` when the connection ends before one begins.
    pub async fn answer(&mut self) -> Option<Answer> {
        let end = loop {
            if let Some(at) = find(&self.read, b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more().await {
                assert!(self.read.is_empty(), "cut off: {}", self.read.escape_ascii());
                return None;
            }
        };
        let head = String::from_utf8_lossy(&self.read[..end]).into_owned();
        self.read.drain(..end);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: Vec::new() };
        answer.body = self.body(&answer).await;
        Some(answer)
    }

    async fn body(&mut self, answer: &Answer) -> Vec<u8> {
        if matches!(answer.status, 101 | 204 | 304) {
            return Vec::new();
        }
        if let Some(length) = answer.header("content-length") {
            return self.take(length.parse().unwrap()).await;
        }
        let mut body = Vec::new();
        if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let line = self.line().await;
                let size = usize::from_str_radix(line.trim(), 16).unwrap();
                body.extend(self.take(size).await);
                self.line().await;
                if size == 0 {
                    return body;
                }
            }
        }
        while self.more().await {}
        body.append(&mut self.read);
        body
    }

    async fn line(&mut self) -> String {
        loop {
            if let Some(at) = find(&self.read, b"\r\n") {
                return String::from_utf8(self.take(at + 2).await).unwrap();
            }
            assert!(self.more().await, "cut off inside a body");
        }
    }

    async fn take(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count {
            assert!(self.more().await, "cut off inside a body");
        }
        self.read.drain(..count).collect()
    }

    async fn more(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await.expect("no answer");
        matches!(read, Ok(1..))
    }

    /// Everything that still comes until the other side closes, or is silent for `quiet`.
    pub async fn rest(&mut self, quiet: Duration) -> String {
        while let Ok(Ok(1..)) = timeout(quiet, self.stream.read_buf(&mut self.read)).await {}
        String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned()
    }
}

/// Sends one request on a connection of its own.
pub async fn exchange(address: SocketAddr, request: &[u8]) -> Answer {
    let mut wire = Wire::open(address).await;
    wire.send(request).await;
    wire.answer().await.expect("an answer")
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
