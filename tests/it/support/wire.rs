//! HTTP/1.1 by hand, for what a client library would not send, or would hide.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Upper bound for anything that should happen soon, on a busy machine.
pub const SOON: Duration = Duration::from_secs(20);

/// `Authorization` as the stock CLI sends it, with its line end.
pub fn basic(password: &str) -> String {
    format!("Authorization: Basic {}\r\n", BASE64_STANDARD.encode(format!("convox:{password}")))
}

#[derive(Clone, Debug)]
pub struct Head {
    /// Method and target, or version and status.
    pub first_line: String,
    pub headers: Vec<(String, String)>,
}

impl Head {
    pub fn status(&self) -> u16 {
        let status = self.first_line.split(' ').nth(1).and_then(|word| word.parse().ok());
        status.unwrap_or_else(|| panic!("no status in {:?}", self.first_line))
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// How a body came.
#[derive(Debug, PartialEq, Eq)]
pub enum Body {
    Whole(Vec<u8>),
    /// The connection ended before the body did.
    Cut(Vec<u8>),
}

impl Body {
    pub fn text(&self) -> String {
        let (Self::Whole(bytes) | Self::Cut(bytes)) = self;
        String::from_utf8_lossy(bytes).into_owned()
    }
}

/// One connection, seen from either end.
pub struct Wire<S = TcpStream> {
    pub stream: S,
    pub buffered: Vec<u8>,
}

impl Wire {
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::on(stream)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub const fn on(stream: S) -> Self {
        Self { stream, buffered: Vec::new() }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// `None` when the connection ends first.
    pub async fn try_head(&mut self) -> Option<Head> {
        let end = loop {
            if let Some(end) = self.buffered.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if !self.fill().await {
                return None;
            }
        };
        let head: Vec<u8> = self.buffered.drain(..end + 4).collect();
        let text = String::from_utf8_lossy(&head).into_owned();
        let mut lines = text.trim_end().split("\r\n");
        let first_line = lines.next().unwrap_or_default().to_owned();
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
        Some(Head { first_line, headers })
    }

    pub async fn head(&mut self) -> Head {
        let head = timeout(SOON, self.try_head()).await.expect("a head in time");
        head.expect("a head before the end of the connection")
    }

    pub async fn body(&mut self, head: &Head) -> Body {
        timeout(SOON, self.read_body(head)).await.expect("a body in time")
    }

    async fn read_body(&mut self, head: &Head) -> Body {
        if head.header("transfer-encoding").is_some_and(|value| value == "chunked") {
            return self.chunks().await;
        }
        let length = head.header("content-length").map_or(0, |length| length.parse().unwrap());
        while self.buffered.len() < length {
            if !self.fill().await {
                return Body::Cut(std::mem::take(&mut self.buffered));
            }
        }
        Body::Whole(self.buffered.drain(..length).collect())
    }

    async fn chunks(&mut self) -> Body {
        let mut body = Vec::new();
        loop {
            let Some(line) = self.line().await else { return Body::Cut(body) };
            let size = usize::from_str_radix(line.trim(), 16).unwrap();
            while self.buffered.len() < size + 2 {
                if !self.fill().await {
                    body.extend(self.buffered.drain(..).take(size));
                    return Body::Cut(body);
                }
            }
            body.extend(self.buffered.drain(..size));
            self.buffered.drain(..2);
            if size == 0 {
                return Body::Whole(body);
            }
        }
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffered.windows(2).position(|two| two == b"\r\n") {
                let line: Vec<u8> = self.buffered.drain(..end + 2).collect();
                return Some(String::from_utf8(line).unwrap());
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// Reads on. False when the connection has ended, in whatever way.
    pub async fn fill(&mut self) -> bool {
        let mut room = vec![0; 16 * 1024];
        let count = self.stream.read(&mut room).await.unwrap_or(0);
        self.buffered.extend_from_slice(&room[..count]);
        count > 0
    }
}
