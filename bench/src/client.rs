//! An HTTP/1.1 client of the least possible cost: requests are ready bytes, answers are counted and thrown away.

use crate::Outcome;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const MAX_HEADERS: usize = 64;
const TIMEOUT: Duration = Duration::from_secs(10);

/// The request line, headers and body of one request, ready to be written.
pub fn request_bytes(method: &str, host: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: rack-gateway-bench\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// How the end of an answer's body is found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Framing {
    Length(usize),
    Chunked,
}

/// What must be known of an answer's head to read on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Head {
    pub status: u16,
    pub framing: Framing,
    /// Bytes of the head itself.
    pub size: usize,
}

impl Head {
    /// `None` while the head is not complete.
    pub fn parse(bytes: &[u8]) -> Outcome<Option<Head>> {
        let mut slots = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut slots);
        let httparse::Status::Complete(size) = response.parse(bytes)? else { return Ok(None) };
        let mut framing = Framing::Length(0);
        for header in response.headers.iter() {
            if header.name.eq_ignore_ascii_case("content-length") {
                framing = Framing::Length(std::str::from_utf8(header.value)?.trim().parse()?);
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                framing = Framing::Chunked;
            }
        }
        Ok(Some(Head { status: response.code.unwrap_or(0), framing, size }))
    }
}

/// Collects the bytes of one answer and says when it is whole. One answer at a time: nothing is pipelined.
#[derive(Default)]
pub struct Answer {
    bytes: Vec<u8>,
    head: Option<Head>,
}

impl Answer {
    /// Takes what was read; `Some(status)` once the answer is complete, then starts afresh.
    pub fn push(&mut self, read: &[u8]) -> Outcome<Option<u16>> {
        self.bytes.extend_from_slice(read);
        if self.head.is_none() {
            self.head = Head::parse(&self.bytes)?;
        }
        let Some(head) = self.head else { return Ok(None) };
        let body = self.bytes.get(head.size..).unwrap_or_default();
        let whole = match head.framing {
            Framing::Length(length) => body.len() >= length,
            // Bodies here are small text that never holds the closing sequence itself.
            Framing::Chunked => body.ends_with(b"0\r\n\r\n"),
        };
        if !whole {
            return Ok(None);
        }
        self.bytes.clear();
        self.head = None;
        Ok(Some(head.status))
    }
}

/// One keep-alive connection with blocking calls.
pub struct Connection {
    stream: TcpStream,
    answer: Answer,
}

impl Connection {
    pub fn open(address: &str) -> Outcome<Connection> {
        let stream =
            TcpStream::connect(address).map_err(|error| format!("{address} does not answer: {error}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(Connection { stream, answer: Answer::default() })
    }

    /// Sends one request and reads its whole answer; gives the status.
    pub fn exchange(&mut self, request: &[u8]) -> Outcome<u16> {
        self.stream.write_all(request)?;
        let mut buffer = [0; 4096];
        loop {
            let count = self.stream.read(&mut buffer)?;
            if count == 0 {
                return Err("the connection was closed before the answer was whole".into());
            }
            if let Some(status) = self.answer.push(buffer.get(..count).unwrap_or_default())? {
                return Ok(status);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_only_with_its_last_byte() {
        let mut answer = Answer::default();
        assert_eq!(answer.push(b"HTTP/1.1 200 OK\r\ncontent-le").unwrap(), None);
        assert_eq!(answer.push(b"ngth: 3\r\n\r\nab").unwrap(), None);
        assert_eq!(answer.push(b"c").unwrap(), Some(200));
        assert_eq!(answer.push(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap(), Some(204));
    }

    #[test]
    fn a_chunked_answer_ends_with_the_empty_chunk() {
        let mut answer = Answer::default();
        assert_eq!(
            answer.push(b"HTTP/1.1 403 F\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n").unwrap(),
            None
        );
        assert_eq!(answer.push(b"0\r\n\r\n").unwrap(), Some(403));
    }

    #[test]
    fn an_answer_that_is_not_http_is_an_error() {
        assert!(Answer::default().push(b"SSH-2.0-OpenSSH\r\n").is_err());
    }

    #[test]
    fn a_request_carries_its_length_only_with_a_body() {
        let get = String::from_utf8(request_bytes("GET", "h", "/a", &[("A", "b")], b"")).unwrap();
        assert_eq!(get, "GET /a HTTP/1.1\r\nHost: h\r\nUser-Agent: rack-gateway-bench\r\nA: b\r\n\r\n");
        let post = String::from_utf8(request_bytes("POST", "h", "/a", &[], b"xy")).unwrap();
        assert!(post.ends_with("Content-Length: 2\r\n\r\nxy"));
    }
}
