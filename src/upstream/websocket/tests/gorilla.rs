//! A client that reads as the stock CLI does: gorilla/websocket over a 4096-byte buffered reader, its payloads
//! taken in reads of at most 1024 bytes, each searched for the exit marker on its own.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::super::frame::{Header, Opcode, Peer};
use super::{MARKER_7, RACK_END, client_frame, text};

const BUFFER: usize = 4096;
const READ: usize = 1024;
const PREFIX: &str = "F1E49A85-0AD7-4AEF-A618-C249C6E6568D:";

/// How the CLI ends: its exit code, or what it says it could not read.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub exit: Result<i32, String>,
    pub output: Vec<u8>,
    pub pongs: usize,
}

pub struct Gorilla<S> {
    stream: S,
    buffered: Vec<u8>,
    outcome: Outcome,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Gorilla<S> {
    pub fn new(stream: S) -> Self {
        let outcome = Outcome { exit: Ok(0), output: Vec::new(), pongs: 0 };
        Self { stream, buffered: Vec::new(), outcome }
    }

    /// Reads to the end of the stream, answering pings on the way.
    pub async fn run(mut self) -> Outcome {
        loop {
            let Some(header) = self.header().await else { return self.outcome };
            match header.opcode {
                Opcode::Text | Opcode::Continuation => self.payload(header.payload_len as usize).await,
                Opcode::Ping => self.pong(header.payload_len as usize).await,
                Opcode::Binary | Opcode::Close | Opcode::Pong => return self.outcome,
            }
        }
    }

    /// bufio.Peek: reads on until the header is there, into what is free of the buffer.
    async fn header(&mut self) -> Option<Header> {
        loop {
            if let Some(header) = Header::parse(&self.buffered, Peer::Rack).unwrap() {
                self.buffered.drain(..header.header_len);
                return Some(header);
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// messageReader.Read: what the buffer holds, or one read when it is empty; never both.
    async fn payload(&mut self, mut left: usize) {
        while left > 0 {
            if self.buffered.is_empty() && !self.fill().await {
                return;
            }
            let count = left.min(READ).min(self.buffered.len());
            let chunk: Vec<u8> = self.buffered.drain(..count).collect();
            self.search(&chunk);
            left -= count;
        }
    }

    fn search(&mut self, chunk: &[u8]) {
        let found = chunk.windows(PREFIX.len()).position(|window| window == PREFIX.as_bytes());
        let Some(at) = found else { return self.outcome.output.extend_from_slice(chunk) };
        self.outcome.output.extend_from_slice(&chunk[..at]);
        let digits = String::from_utf8_lossy(&chunk[at + PREFIX.len()..]).trim().to_owned();
        self.outcome.exit = digits.parse().map_err(|_| "unable to read exit code".to_owned());
    }

    async fn pong(&mut self, len: usize) {
        while self.buffered.len() < len {
            assert!(self.fill().await, "the stream ends inside a ping");
        }
        let payload: Vec<u8> = self.buffered.drain(..len).collect();
        self.outcome.pongs += 1;
        self.stream.write_all(&client_frame(Opcode::Pong, &payload)).await.unwrap();
    }

    async fn fill(&mut self) -> bool {
        let mut room = vec![0; BUFFER - self.buffered.len()];
        let count = self.stream.read(&mut room).await.unwrap();
        self.buffered.extend_from_slice(&room[..count]);
        count > 0
    }
}

/// Without a gateway: the rack's bytes, all there at once.
async fn direct(output: usize) -> Outcome {
    let (client, mut rack) = tokio::io::duplex(1 << 20);
    rack.write_all(&[&text(&vec![b'x'; output]), MARKER_7, RACK_END].concat()).await.unwrap();
    Gorilla::new(client).run().await
}

#[tokio::test]
async fn the_simulated_client_loses_a_straddling_marker_as_the_real_one_does() {
    assert_eq!(direct(100).await.exit, Ok(7));
    assert_eq!(direct(4060).await.exit, Ok(0), "4064 bytes of frame, then the marker across the boundary");
    assert_eq!(direct(4089).await.exit, Ok(0), "one byte of the marker before the boundary");
    assert_eq!(direct(4091).await.exit, Ok(7), "the header itself straddles, so the client reads on first");
}
