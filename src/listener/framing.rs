//! A second opinion on where requests begin and end, formed from the raw bytes beside hyper.
//!
//! hyper forgets things that matter at a gate: `http::Uri` drops a `#fragment`, and `Content-Length` beside
//! `Transfer-Encoding` is removed before a service sees it. So every head is looked at here, also pipelined ones,
//! which needs the length of the bodies between them. The two opinions must agree: a request whose head was not
//! seen here is refused by the service wrapper, so a message that could be cut in two ways is never served twice.

use memchr::memchr;

/// Why a head that hyper would let through is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Flaw {
    Fragment = 1,
    LengthAndEncoding,
    TwoLengths,
    BareLineFeed,
    Unseen,
}

impl Flaw {
    pub fn from_byte(byte: u8) -> Option<Self> {
        [Self::Fragment, Self::LengthAndEncoding, Self::TwoLengths, Self::BareLineFeed, Self::Unseen]
            .into_iter()
            .find(|flaw| *flaw as u8 == byte)
    }

    pub fn reason(self) -> &'static str {
        match self {
            Self::Fragment => "the request target must not contain '#'",
            Self::LengthAndEncoding => "Content-Length and Transfer-Encoding must not come together",
            Self::TwoLengths => "Content-Length must come once",
            Self::BareLineFeed => "lines of the request head must end with CR LF",
            Self::Unseen => "the previous message on this connection was framed ambiguously",
        }
    }
}

/// As much of a line as is kept when it arrives in pieces: enough for `Transfer-Encoding:`, for
/// `Content-Length:` with any length, and for a chunk size.
const KEPT: usize = 64;

#[derive(Debug, Default)]
pub struct Framing {
    part: Part,
    line: Line,
    head: Head,
    heads: u32,
    flaw: Option<Flaw>,
}

#[derive(Debug, Default)]
enum Part {
    #[default]
    Head,
    Sized(u64),
    ChunkSize,
    /// Counts the CR LF behind the data too.
    ChunkData(u64),
    Trailers,
    /// Something was wrong: nothing more is looked at, and nothing more may be served.
    Lost,
}

#[derive(Debug, Default)]
struct Line {
    kept: Vec<u8>,
    arrived: bool,
    ends_in_cr: bool,
}

#[derive(Debug, Default)]
struct Head {
    request_line: bool,
    encoded: bool,
    lengths: u8,
    length: Option<u64>,
    flaw: Option<Flaw>,
}

impl Framing {
    /// Heads that have been seen whole; wraps.
    pub fn heads(&self) -> u32 {
        self.heads
    }

    /// What is wrong with the last of them.
    pub fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    pub fn in_head(&self) -> bool {
        matches!(self.part, Part::Head) && (self.head.request_line || self.line.arrived)
    }

    pub fn in_body(&self) -> bool {
        matches!(self.part, Part::Sized(_) | Part::ChunkSize | Part::ChunkData(_) | Part::Trailers)
    }

    /// Between two requests, or before the first: the client has said all it began to say.
    pub fn at_rest(&self) -> bool {
        matches!(self.part, Part::Head) && !self.in_head()
    }

    pub fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = match &mut self.part {
                Part::Lost => return,
                Part::Sized(left) | Part::ChunkData(left) => {
                    let rest = skip(bytes, left);
                    if *left == 0 {
                        let sized = matches!(self.part, Part::Sized(_));
                        self.part = if sized { Part::Head } else { Part::ChunkSize };
                    }
                    rest
                }
                Part::Head | Part::ChunkSize | Part::Trailers => self.feed_line(bytes),
            };
        }
    }

    fn feed_line<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (piece, rest) = match memchr(b'\n', bytes) {
            Some(end) => (bytes.split_at(end).0, bytes.get(end + 1..)),
            None => (bytes, None),
        };
        self.look_for_fragment(piece);
        let Some(rest) = rest else {
            self.line.keep(piece);
            return &[];
        };
        if self.line.arrived {
            self.line.keep(piece);
            let line = std::mem::take(&mut self.line);
            self.end_line(line.kept.strip_suffix(b"\r").unwrap_or(&line.kept), line.ends_in_cr);
        } else {
            self.end_line(piece.strip_suffix(b"\r").unwrap_or(piece), piece.ends_with(b"\r"));
        }
        rest
    }

    /// The request line may be longer than what is kept of it, so it is searched piece by piece.
    fn look_for_fragment(&mut self, piece: &[u8]) {
        if matches!(self.part, Part::Head) && !self.head.request_line && piece.contains(&b'#') {
            self.head.flaw = Some(Flaw::Fragment);
        }
    }

    fn end_line(&mut self, line: &[u8], ends_in_cr: bool) {
        match self.part {
            Part::Head => self.end_head_line(line, ends_in_cr),
            _ if !ends_in_cr => self.part = Part::Lost,
            Part::Trailers if line.is_empty() => self.part = Part::Head,
            Part::ChunkSize => self.part = chunk_size(line),
            _ => (),
        }
    }

    fn end_head_line(&mut self, line: &[u8], ends_in_cr: bool) {
        if line.is_empty() && !self.head.request_line {
            return; // empty lines before a request are allowed
        }
        if !ends_in_cr {
            self.head.flaw = self.head.flaw.or(Some(Flaw::BareLineFeed));
        }
        if line.is_empty() {
            self.end_head();
        } else if self.head.request_line {
            self.head.read_header(line);
        } else {
            self.head.request_line = true;
        }
    }

    fn end_head(&mut self) {
        let head = std::mem::take(&mut self.head);
        self.heads = self.heads.wrapping_add(1);
        self.flaw = head.verdict();
        self.part = match (self.flaw, head.encoded, head.lengths, head.length) {
            (Some(_), ..) => Part::Lost,
            (None, true, ..) => Part::ChunkSize,
            (None, false, 0, _) | (None, false, _, Some(0)) => Part::Head,
            (None, false, _, Some(length)) => Part::Sized(length),
            (None, false, _, None) => Part::Lost,
        };
    }
}

impl Line {
    fn keep(&mut self, piece: &[u8]) {
        let Some(last) = piece.last() else { return };
        let room = KEPT.saturating_sub(self.kept.len()).min(piece.len());
        self.kept.extend_from_slice(piece.split_at(room).0);
        self.arrived = true;
        self.ends_in_cr = *last == b'\r';
    }
}

impl Head {
    fn read_header(&mut self, line: &[u8]) {
        let Some(colon) = line.iter().take(KEPT).position(|byte| *byte == b':') else { return };
        let (name, value) = line.split_at(colon);
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.encoded = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            self.lengths = self.lengths.saturating_add(1);
            self.length = number(value.strip_prefix(b":").unwrap_or(value).trim_ascii(), 10);
        }
    }

    fn verdict(&self) -> Option<Flaw> {
        self.flaw.or(match (self.encoded, self.lengths) {
            (true, 1..) => Some(Flaw::LengthAndEncoding),
            (_, 2..) => Some(Flaw::TwoLengths),
            _ => None,
        })
    }
}

fn skip<'a>(bytes: &'a [u8], left: &mut u64) -> &'a [u8] {
    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
    *left -= here as u64;
    bytes.split_at(here).1
}

fn chunk_size(line: &[u8]) -> Part {
    let digits = line.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(line.len());
    match number(line.split_at(digits).0, 16) {
        Some(0) => Part::Trailers,
        Some(size) => size.checked_add(2).map_or(Part::Lost, Part::ChunkData),
        None => Part::Lost,
    }
}

/// Digits only: no sign, no space, no overflow.
fn number(digits: &[u8], radix: u32) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, byte| {
        let digit = char::from(*byte).to_digit(radix)?;
        sum.checked_mul(u64::from(radix))?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn feed_all(bytes: &[u8]) -> Framing {
        let mut framing = Framing::default();
        framing.feed(bytes);
        framing
    }

    #[test]
    fn counts_pipelined_heads_behind_bodies() {
        let framing = feed_all(
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\nPOST /b HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nGET /\
              POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1\r\nGET /\r\n0\r\nX: y\r\n\r\nGET /d HTTP/1.1\r\n\r\n",
        );
        assert_eq!((framing.heads(), framing.flaw(), framing.at_rest()), (4, None, true));
    }

    #[test]
    fn finds_flaws() {
        for (head, flaw) in [
            (&b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"[..], Some(Flaw::Fragment)),
            (
                b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                Some(Flaw::LengthAndEncoding),
            ),
            (
                b"POST / HTTP/1.1\r\nTransfer-encoding: chunked\r\ncontent-LENGTH: 1\r\n\r\n",
                Some(Flaw::LengthAndEncoding),
            ),
            (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", Some(Flaw::TwoLengths)),
            (b"GET / HTTP/1.1\nHost: a\r\n\r\n", Some(Flaw::BareLineFeed)),
            (b"GET / HTTP/1.1\r\nHost: a\r\n\n", Some(Flaw::BareLineFeed)),
            (b"GET /a HTTP/1.1\r\nReferer: /a#b\r\n\r\n", None),
        ] {
            let framing = feed_all(head);
            assert_eq!((framing.heads(), framing.flaw()), (1, flaw), "{}", head.escape_ascii());
        }
    }

    #[test]
    fn nothing_is_seen_behind_what_cannot_be_followed() {
        const NEXT: &[u8] = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
        for start in [
            &b"GET /# HTTP/1.1\r\n\r\n"[..],
            b"POST / HTTP/1.1\r\nContent-Length: +0\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\n\n",
        ] {
            let framing = feed_all(&[start, NEXT].concat());
            assert_eq!((framing.heads(), framing.at_rest()), (1, false), "{}", start.escape_ascii());
        }
    }

    #[test]
    fn knows_where_it_stands() {
        let mut framing = feed_all(b"\r\n");
        assert!(framing.at_rest());
        framing.feed(b"P");
        assert!(framing.in_head());
        framing.feed(b"OST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n");
        assert!(framing.in_body() && !framing.in_head());
        framing.feed(b"ab");
        assert!(framing.at_rest());
    }

    fn message() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            Just(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
            "[a-z\r\n#]{0,40}".prop_map(|body| {
                format!("PUT /x HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
            }),
            "[a-z\r\n#]{1,40}".prop_map(|body| {
                let size = body.len();
                format!("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{size:x};q\r\n{body}\r\n0\r\nT: v\r\n\r\n")
                    .into_bytes()
            }),
        ]
    }

    proptest! {
        #[test]
        fn the_cut_into_reads_makes_no_difference(
            messages in prop::collection::vec(message(), 1..5),
            sizes in prop::collection::vec(1usize..30, 1..20),
        ) {
            let bytes = messages.concat();
            let mut framing = Framing::default();
            let (mut rest, mut sizes) = (bytes.as_slice(), sizes.iter().cycle());
            while !rest.is_empty() {
                let (piece, next) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                framing.feed(piece);
                rest = next;
            }
            prop_assert_eq!(framing.heads() as usize, messages.len());
            prop_assert!(framing.at_rest());
            prop_assert_eq!(framing.flaw(), None);
        }
    }
}
