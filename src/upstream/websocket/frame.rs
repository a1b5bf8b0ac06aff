//! RFC 6455 frame headers: where a frame begins and ends, and whether its sender may send it.
//! Payloads are opaque bytes here; text is never checked for UTF-8, because racks put raw terminal bytes in it.

use thiserror::Error;

/// The longest header: two bytes, a 64-bit length and a mask.
pub const MAX_HEADER: usize = 14;
/// Control frames may not carry more (RFC 6455 §5.5).
pub const MAX_CONTROL_PAYLOAD: usize = 125;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;

/// One end of the tunnel. Clients mask what they send, racks do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    Client,
    Rack,
}

impl std::fmt::Display for Peer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Client => "client",
            Self::Rack => "rack",
        })
    }
}

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
    fn from_bits(bits: u8) -> Result<Self, FrameError> {
        Ok(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return Err(FrameError::ReservedOpcode(bits)),
        })
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xA,
        }
    }

    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// What no well-behaved peer sends. The connection ends with close code 1002.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    #[error("opcode {0:#x} is reserved")]
    ReservedOpcode(u8),
    #[error("a reserved bit is set though no extension was agreed")]
    ReservedBits,
    #[error("a control frame is fragmented or longer than 125 bytes")]
    BadControl,
    #[error("the payload length has its highest bit set")]
    BadLength,
    #[error("a client frame is not masked")]
    NotMasked,
    #[error("a rack frame is masked")]
    Masked,
    #[error("a continuation frame without a message, or a new message inside another")]
    OutOfSequence,
}

/// A decoded frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub fin: bool,
    pub opcode: Opcode,
    pub mask: Option<[u8; 4]>,
    /// Bytes of the header itself, 2 to 14.
    pub header_len: usize,
    /// Bytes of the payload, below 2^63.
    pub payload_len: u64,
}

impl Header {
    /// Reads the header at the front of `bytes`. `None` while it is incomplete; what is already certain to be
    /// wrong is refused as soon as the first two bytes are there.
    pub fn parse(bytes: &[u8], from: Peer) -> Result<Option<Self>, FrameError> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let opcode = Opcode::from_bits(first & 0x0F)?;
        let fin = first & FIN != 0;
        let short_len = second & !MASKED;
        if first & RESERVED != 0 {
            return Err(FrameError::ReservedBits);
        }
        if opcode.is_control() && (!fin || usize::from(short_len) > MAX_CONTROL_PAYLOAD) {
            return Err(FrameError::BadControl);
        }
        let masked = second & MASKED != 0;
        match (from, masked) {
            (Peer::Client, false) => return Err(FrameError::NotMasked),
            (Peer::Rack, true) => return Err(FrameError::Masked),
            _ => {}
        }
        let Some((payload_len, rest)) = split_length(short_len, rest)? else { return Ok(None) };
        let mask = match (masked, rest.first_chunk::<4>()) {
            (false, _) => None,
            (true, Some(mask)) => Some(*mask),
            (true, None) => return Ok(None),
        };
        let header_len = bytes.len() - rest.len() + if masked { 4 } else { 0 };
        Ok(Some(Self { fin, opcode, mask, header_len, payload_len }))
    }

    /// Bytes of header and payload together.
    pub fn frame_len(&self) -> u64 {
        self.header_len as u64 + self.payload_len
    }

    /// The empty binary frame by which both the convox client and the rack say "nothing more from me".
    pub fn is_end_of_stream(&self) -> bool {
        self.fin && self.opcode == Opcode::Binary && self.payload_len == 0
    }
}

/// The payload length and the bytes after it, `None` while it is incomplete.
fn split_length(short: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, FrameError> {
    match short {
        126 => {
            Ok(rest.split_first_chunk::<2>().map(|(len, rest)| (u64::from(u16::from_be_bytes(*len)), rest)))
        }
        127 => match rest.split_first_chunk::<8>().map(|(len, rest)| (u64::from_be_bytes(*len), rest)) {
            Some((len, _)) if len >> 63 != 0 => Err(FrameError::BadLength),
            split => Ok(split),
        },
        short => Ok(Some((u64::from(short), rest))),
    }
}

/// Applies or removes a mask; `payload` starts where the frame's payload starts.
pub fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

/// One complete, final, unmasked frame, as a server sends it.
pub fn server_frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(MAX_HEADER + payload.len());
    frame.push(FIN | opcode.bits());
    match payload.len() {
        len @ 0..=125 => frame.push(len as u8),
        len @ 126..=0xFFFF => {
            frame.push(126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            frame.push(127);
            frame.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

/// The empty binary frame that ends a convox stream.
pub fn end_of_stream() -> Vec<u8> {
    server_frame(Opcode::Binary, &[])
}

/// A close frame with a status code (RFC 6455 §7.4.1) and no reason text.
pub fn close(code: u16) -> Vec<u8> {
    server_frame(Opcode::Close, &code.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse_rack(bytes: &[u8]) -> Result<Option<Header>, FrameError> {
        Header::parse(bytes, Peer::Rack)
    }

    #[test]
    fn captured_marker_frame_header_decodes() {
        let header = parse_rack(&[0x81, 39, b'F']).unwrap().unwrap();
        assert_eq!((header.fin, header.opcode, header.payload_len), (true, Opcode::Text, 39));
        assert_eq!((header.header_len, header.frame_len()), (2, 41));
    }

    #[test]
    fn end_of_stream_is_the_empty_final_binary_frame_only() {
        let is_end = |bytes: &[u8]| parse_rack(bytes).unwrap().unwrap().is_end_of_stream();
        assert!(is_end(&end_of_stream()));
        assert!(!is_end(&[0x02, 0]), "a first fragment");
        assert!(!is_end(&[0x81, 0]), "empty text");
        assert!(!is_end(&[0x82, 1]), "not empty");
        let client = Header::parse(&[0x82, 0x80, 1, 2, 3, 4], Peer::Client).unwrap().unwrap();
        assert!(client.is_end_of_stream() && client.header_len == 6);
    }

    #[test]
    fn misbehaviour_is_named() {
        let cases: [(&[u8], Peer, FrameError); 10] = [
            (&[0x83, 0], Peer::Rack, FrameError::ReservedOpcode(3)),
            (&[0x8F, 0], Peer::Rack, FrameError::ReservedOpcode(15)),
            (&[0xC1, 0], Peer::Rack, FrameError::ReservedBits),
            (&[0x91, 0], Peer::Rack, FrameError::ReservedBits),
            (&[0x89, 126], Peer::Rack, FrameError::BadControl),
            (&[0x08, 0], Peer::Rack, FrameError::BadControl),
            (&[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], Peer::Rack, FrameError::BadLength),
            (&[0x82, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0], Peer::Client, FrameError::BadLength),
            (&[0x81, 3], Peer::Client, FrameError::NotMasked),
            (&[0x81, 0x83], Peer::Rack, FrameError::Masked),
        ];
        for (bytes, from, expected) in cases {
            assert_eq!(Header::parse(bytes, from), Err(expected), "{bytes:x?}");
        }
    }

    #[test]
    fn length_forms_follow_the_payload_size() {
        for (len, header_len) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let frame = server_frame(Opcode::Text, &vec![7; len]);
            let header = parse_rack(&frame).unwrap().unwrap();
            assert_eq!((header.header_len, header.payload_len), (header_len, len as u64));
            assert_eq!(frame.len(), header_len + len);
        }
    }

    #[test]
    fn close_frame_carries_its_code() {
        assert_eq!(close(1002), [0x88, 2, 0x03, 0xEA]);
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic_and_decisions_are_stable(
            bytes in proptest::collection::vec(any::<u8>(), 0..32),
            client in any::<bool>(),
        ) {
            let from = if client { Peer::Client } else { Peer::Rack };
            let whole = Header::parse(&bytes, from);
            for cut in 0..bytes.len() {
                match Header::parse(&bytes[..cut], from) {
                    Ok(None) => {}
                    decided => prop_assert_eq!(decided, whole, "a longer read changes the verdict at {}", cut),
                }
            }
        }

        #[test]
        fn server_frames_round_trip(payload in proptest::collection::vec(any::<u8>(), 0..70_000)) {
            let frame = server_frame(Opcode::Binary, &payload);
            let header = parse_rack(&frame).unwrap().unwrap();
            prop_assert_eq!(header.frame_len(), frame.len() as u64);
            prop_assert_eq!(&frame[header.header_len..], &payload[..]);
        }

        #[test]
        fn masking_twice_gives_the_payload_back(payload in proptest::collection::vec(any::<u8>(), 0..64), mask: [u8; 4]) {
            let mut bytes = payload.clone();
            unmask(&mut bytes, mask);
            unmask(&mut bytes, mask);
            prop_assert_eq!(bytes, payload);
        }
    }
}
