//! A websocket client that reads as the stock CLI does: gorilla/websocket over a buffered reader of 4096 bytes,
//! each read of a payload searched for the exit marker on its own.

use super::wire::{Head, SOON, Wire, basic};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const BUFFER: usize = 4096;
const READ: usize = 1024;
pub const MARKER: &str = "F1E49A85-0AD7-4AEF-A618-C249C6E6568D:";
/// The key of the standard's example, and what proves it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const PROOF: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xA;

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The empty binary frame.
    Told,
    Closed,
    /// The connection ended without a word.
    Cut,
}

/// What the CLI's user would see.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// 0 without a marker, as in the CLI.
    pub exit: Result<i32, String>,
    pub output: Vec<u8>,
    pub end: End,
}

impl Outcome {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }
}

#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub opcode: u8,
    pub payload: Vec<u8>,
}

/// The head of a handshake, below the default rack. `headers` have their line ends.
pub fn handshake(token: &str, path: &str, headers: &str) -> String {
    format!(
        "GET /api/v1/rack-proxy{path} HTTP/1.1\r\nHost: gateway\r\n{}Connection: Upgrade\r\nUpgrade: websocket\r\n\
         Origin: http://gateway\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{headers}\r\n",
        basic(token)
    )
}

pub struct Socket {
    pub stream: TcpStream,
    buffered: Vec<u8>,
    outcome: Outcome,
}

impl Socket {
    /// Opens a stream, or tells how the handshake was answered.
    pub async fn try_open(address: SocketAddr, request: &str) -> Result<Self, (Head, String)> {
        let mut wire = Wire::open(address).await;
        wire.send(request).await;
        let head = wire.head().await;
        if head.status() != 101 {
            let body = wire.body(&head).await.text();
            return Err((head, body));
        }
        assert_eq!(head.header("sec-websocket-accept"), Some(PROOF), "{head:?}");
        let outcome = Outcome { exit: Ok(0), output: Vec::new(), end: End::Cut };
        Ok(Self { stream: wire.stream, buffered: wire.buffered, outcome })
    }

    pub async fn open(address: SocketAddr, request: &str) -> Self {
        Self::try_open(address, request).await.unwrap_or_else(|refused| panic!("{refused:?}"))
    }

    /// Runs a command in a process of the app `web`.
    pub async fn exec(address: SocketAddr, token: &str, command: &str) -> Self {
        Self::open(address, &exec(token, command)).await
    }

    /// Follows the logs of the app `web`.
    pub async fn logs(address: SocketAddr, token: &str) -> Self {
        Self::open(address, &handshake(token, "/apps/web/logs", "Follow: true\r\n")).await
    }

    /// Sends a masked frame.
    pub async fn send(&mut self, opcode: u8, payload: &[u8]) {
        self.stream.write_all(&masked(opcode, payload)).await.unwrap();
    }

    /// Says that there is no more input.
    pub async fn end_input(&mut self) {
        self.send(BINARY, b"").await;
    }

    /// Reads to the end of the stream, answering pings on the way.
    pub async fn finish(mut self) -> Outcome {
        timeout(SOON, self.run()).await.expect("the end of the stream in time");
        self.outcome
    }

    /// Feeds `input` while it reads.
    pub async fn converse(mut self, input: &[u8]) -> Outcome {
        let mut sent = 0;
        let frames: Vec<_> = input.chunks(READ).map(|chunk| masked(TEXT, chunk)).collect();
        let all = [frames.concat(), masked(BINARY, b"")].concat();
        let run = async {
            loop {
                let (mut read, mut write) = self.stream.split();
                let mut room = [0; READ];
                tokio::select! {
                    count = write.write(&all[sent..]), if sent < all.len() => sent += count.unwrap(),
                    count = read.read(&mut room) => {
                        let count = count.unwrap();
                        self.buffered.extend_from_slice(&room[..count]);
                        if sent == all.len() || count == 0 {
                            break;
                        }
                    }
                }
            }
            self.run().await;
        };
        timeout(SOON, run).await.expect("the end of the stream in time");
        self.outcome
    }

    /// The next whole frame, with no regard to buffers. `None` at the end of the connection.
    pub async fn frame(&mut self) -> Option<Frame> {
        let (opcode, length) = self.header().await?;
        while self.buffered.len() < length {
            if !self.fill(usize::MAX).await {
                return None;
            }
        }
        Some(Frame { opcode, payload: self.buffered.drain(..length).collect() })
    }

    /// Text up to and with `wanted`; pings of the gateway are answered.
    pub async fn read_until(&mut self, wanted: &str) -> String {
        let mut text = String::new();
        let read = async {
            while !text.contains(wanted) {
                let frame = self.frame().await.unwrap_or_else(|| panic!("the stream ended after {text:?}"));
                match frame.opcode {
                    PING => self.send(PONG, &frame.payload).await,
                    _ => text.push_str(&String::from_utf8_lossy(&frame.payload)),
                }
            }
        };
        timeout(SOON, read).await.unwrap_or_else(|_| panic!("{wanted:?} did not come in time"));
        text
    }

    async fn run(&mut self) {
        while let Some((opcode, length)) = self.header().await {
            match opcode {
                0x0 | TEXT => self.payload(length).await,
                PING => self.pong(length).await,
                BINARY => return self.outcome.end = End::Told,
                CLOSE => return self.outcome.end = End::Closed,
                _ => panic!("opcode {opcode}"),
            }
        }
    }

    /// bufio.Peek: reads on until the header is there, into what is free of the buffer.
    async fn header(&mut self) -> Option<(u8, usize)> {
        loop {
            if let Some((opcode, length, size)) = parse(&self.buffered) {
                self.buffered.drain(..size);
                return Some((opcode, length));
            }
            if !self.fill(BUFFER).await {
                return None;
            }
        }
    }

    /// messageReader.Read: what the buffer holds, or one read when it is empty; never both.
    async fn payload(&mut self, mut left: usize) {
        while left > 0 {
            if self.buffered.is_empty() && !self.fill(BUFFER).await {
                return;
            }
            let count = left.min(READ).min(self.buffered.len());
            let chunk: Vec<u8> = self.buffered.drain(..count).collect();
            self.search(&chunk);
            left -= count;
        }
    }

    fn search(&mut self, chunk: &[u8]) {
        let found = chunk.windows(MARKER.len()).position(|window| window == MARKER.as_bytes());
        let Some(at) = found else { return self.outcome.output.extend_from_slice(chunk) };
        self.outcome.output.extend_from_slice(&chunk[..at]);
        let digits = String::from_utf8_lossy(&chunk[at + MARKER.len()..]).trim().to_owned();
        self.outcome.exit = digits.parse().map_err(|_| "unable to read exit code".to_owned());
    }

    async fn pong(&mut self, length: usize) {
        while self.buffered.len() < length {
            assert!(self.fill(usize::MAX).await, "the stream ends inside a ping");
        }
        let payload: Vec<u8> = self.buffered.drain(..length).collect();
        // The other side may be gone by now.
        let _ = self.stream.write_all(&masked(PONG, &payload)).await;
    }

    async fn fill(&mut self, buffer: usize) -> bool {
        let mut room = vec![0; buffer.min(64 * 1024).saturating_sub(self.buffered.len()).max(1)];
        let count = self.stream.read(&mut room).await.unwrap_or(0);
        self.buffered.extend_from_slice(&room[..count]);
        count > 0
    }
}

pub fn exec(token: &str, command: &str) -> String {
    handshake(token, "/apps/web/processes/web-6f9d-abcde/exec", &format!("Command: {command}\r\n"))
}

/// Opcode, length of the payload, length of the header.
fn parse(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let [first, second, rest @ ..] = bytes else { return None };
    assert_eq!(second & 0x80, 0, "a server must not mask");
    let opcode = first & 0xF;
    match second & 0x7F {
        126 => Some((opcode, u16::from_be_bytes(rest.get(..2)?.try_into().ok()?).into(), 4)),
        127 => Some((opcode, u64::from_be_bytes(rest.get(..8)?.try_into().ok()?) as usize, 10)),
        short => Some((opcode, short.into(), 2)),
    }
}

/// A frame without a mask, as a rack sends it.
pub fn unmasked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        length @ 0..126 => frame.push(length as u8),
        length @ 126..65_536 => {
            frame.push(126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    [&frame, payload].concat()
}

fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];
    let plain = unmasked(opcode, payload);
    let (header, payload) = plain.split_at(plain.len() - payload.len());
    let mut frame = header.to_vec();
    frame[1] |= 0x80;
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

impl super::gateway::TestGateway {
    /// Waits until the rack has no websocket left: the gateway has closed every one.
    pub async fn until_no_sockets(&self) {
        for _ in 0..2_000 {
            if self.rack.open_sockets() == 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{} websockets are still open at the rack", self.rack.open_sockets());
    }
}
