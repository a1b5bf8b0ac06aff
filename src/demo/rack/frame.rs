//! Websocket frames (RFC 6455) on the server side. A codec of our own, because the rack's text frames carry
//! arbitrary bytes, which libraries that check UTF-8 refuse.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The CLI sends at most 1024 bytes in a frame; anything near this limit is an attack or a bug.
const LARGEST: u64 = 1024 * 1024;
/// Larger messages leave the rack as one unfinished frame and an empty last one.
const WHOLE: usize = 8 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    const fn code(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    fn parse(code: u8) -> Option<Self> {
        [Self::Continuation, Self::Text, Self::Binary, Self::Close, Self::Ping, Self::Pong]
            .into_iter()
            .find(|opcode| opcode.code() == code)
    }
}

#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub opcode: Opcode,
    pub payload: Vec<u8>,
}

/// Reads the next frame of a client, unmasked; `None` when the connection ended between two frames. The frames
/// carry a byte stream, so whether one is the last of its message does not matter.
///
/// # Errors
/// `InvalidData` for reserved bits, unknown opcodes, unmasked or too large frames; else what the socket said.
pub async fn read<R: AsyncRead + Unpin>(reader: &mut R) -> io::Result<Option<Frame>> {
    let first = match reader.read_u8().await {
        Ok(byte) => byte,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    if first & 0x70 != 0 {
        return Err(invalid("reserved bits are set, but no extension was agreed on"));
    }
    let opcode = Opcode::parse(first & 0x0f).ok_or_else(|| invalid("unknown opcode"))?;
    let second = reader.read_u8().await?;
    if second & 0x80 == 0 {
        return Err(invalid("a client's frame must be masked"));
    }
    let length = match second & 0x7f {
        126 => u64::from(reader.read_u16().await?),
        127 => reader.read_u64().await?,
        short => u64::from(short),
    };
    if length > LARGEST {
        return Err(invalid("frame is too large"));
    }
    let mut mask = [0; 4];
    reader.read_exact(&mut mask).await?;
    let mut payload = vec![0; usize::try_from(length).map_err(|_| invalid("frame is too large"))?];
    reader.read_exact(&mut payload).await?;
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    Ok(Some(Frame { opcode, payload }))
}

/// One message as the rack writes it, ready for a single write.
pub fn message(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 12);
    if payload.len() <= WHOLE {
        push(&mut out, 0x80 | opcode.code(), payload);
    } else {
        push(&mut out, opcode.code(), payload);
        push(&mut out, 0x80 | Opcode::Continuation.code(), &[]);
    }
    out
}

fn push(out: &mut Vec<u8>, first: u8, payload: &[u8]) {
    out.push(first);
    match payload.len() {
        short @ 0..=125 => out.push(short as u8),
        medium @ 126..=0xffff => {
            out.push(126);
            out.extend((medium as u16).to_be_bytes());
        }
        long => {
            out.push(127);
            out.extend((long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        push(&mut plain, first, payload);
        let header = plain.len() - payload.len();
        plain[1] |= 0x80;
        let mask = [1, 2, 3, 4];
        let (head, body) = plain.split_at(header);
        let body = body.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key);
        head.iter().copied().chain(mask).chain(body).collect()
    }

    #[tokio::test]
    async fn reads_all_three_lengths_and_any_bytes() {
        for length in [0, 1, 125, 126, 65_535, 65_536, 100_000] {
            let payload: Vec<u8> = (0..length).map(|i| (i * 7 % 256) as u8).collect();
            let wire = masked(0x81, &payload);
            let frame = read(&mut wire.as_slice()).await.unwrap().unwrap();
            assert_eq!(frame, Frame { opcode: Opcode::Text, payload });
        }
    }

    #[tokio::test]
    async fn refuses_what_a_client_must_not_send() {
        let huge = [0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for wire in [masked(0xc1, b"x"), masked(0x83, b"x"), vec![0x81, 1, b'x'], huge.to_vec()] {
            let error = read(&mut wire.as_slice()).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{wire:?}");
        }
        let cut = masked(0x81, b"hello");
        let error = read(&mut &cut[..cut.len() - 1]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(read(&mut [].as_slice()).await.unwrap().is_none());
    }

    #[test]
    fn writes_small_messages_whole_and_large_ones_with_an_empty_end() {
        assert_eq!(message(Opcode::Text, b"hi"), [0x81, 2, b'h', b'i']);
        assert_eq!(message(Opcode::Binary, b""), [0x82, 0]);
        let large = message(Opcode::Text, &[9; 65_536]);
        assert_eq!(large[..10], [0x01, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(large[large.len() - 2..], [0x80, 0]);
    }
}
