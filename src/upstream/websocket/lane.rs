//! One direction of the tunnel: reads bytes, finds frame boundaries, clears frames to be written, writes them.
//!
//! A lane never changes a byte and never holds more than one whole frame. Frames with payloads up to
//! [`WHOLE_PAYLOAD`] are written in one piece; longer ones stream through as they come.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};

use super::frame::{FrameError, Header, Opcode, Peer};
use super::inbox::{Inbox, WHOLE_PAYLOAD};

/// What the relay wants done with a whole frame.
pub enum Verdict {
    Pass,
    /// Keep it at the front until [`Lane::release`] or [`Lane::swallow`] says what to do with it.
    Hold,
    /// Do not pass it on.
    Swallow,
    /// Pass it on; nothing follows it.
    Last,
}

pub enum Step {
    /// Bytes are cleared to be written: drive [`Lane::poll_write`].
    Cleared,
    /// A held frame of this length is at the front.
    Held(usize),
    /// More bytes are needed: drive [`Lane::poll_read`].
    Starved,
}

pub struct Lane {
    from: Peer,
    inbox: Inbox,
    /// Bytes at the front of the inbox that may be written now.
    cleared: usize,
    /// Bytes of a long frame that are still to come, after those already cleared.
    owed: u64,
    /// The gateway's own frame, written before anything else. Only set between frames.
    injected: Vec<u8>,
    /// The receiver is inside a fragmented message.
    in_message: bool,
    unflushed: bool,
    finished: bool,
    /// Bytes of the peer's frames written so far.
    moved: u64,
    /// The inbox holds the gateway's frames now, not the peer's.
    own_words: bool,
}

impl Lane {
    pub fn new(from: Peer) -> Self {
        Self {
            from,
            inbox: Inbox::default(),
            cleared: 0,
            owed: 0,
            injected: Vec::new(),
            in_message: false,
            unflushed: false,
            finished: false,
            moved: 0,
            own_words: false,
        }
    }

    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// True once the last frame was cleared. It is on the wire when [`Self::poll_write`] is ready.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// True while a frame is only partly with the receiver and its rest is not here.
    pub fn is_inside_frame(&self) -> bool {
        self.owed > 0
    }

    /// Queues one of the gateway's own frames before the next frame.
    pub fn inject(&mut self, frame: Vec<u8>) {
        debug_assert!(self.cleared == 0 && self.owed == 0 && self.injected.is_empty());
        self.injected = frame;
    }

    /// Clears the held frame of `len` bytes at the front.
    pub fn release(&mut self, len: usize) {
        self.cleared = len;
    }

    /// Drops what the peer sent and has not been cleared yet; `frames` take its place, after the empty final
    /// continuation that ends a message left open.
    pub fn speak_instead(&mut self, frames: &[u8]) {
        let ending: &[u8] = if self.in_message { &[0x80, 0] } else { &[] };
        self.moved += self.cleared as u64;
        self.inbox.replace_after(self.cleared, &[ending, frames].concat());
        self.own_words = true;
    }

    /// Says that nothing more will be written.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// Throws away the frames that were cleared: the receiver takes no more.
    pub fn drop_cleared(&mut self) {
        self.inbox.consume(self.cleared);
        self.cleared = 0;
    }

    /// Throws away everything unread and cleared: the receiver is gone.
    pub fn discard(&mut self) {
        self.inbox.consume(self.inbox.unread().len());
        self.cleared = 0;
        self.injected.clear();
    }

    /// Clears as many whole frames as are here and may share a write. `judge` sees each frame with a payload of
    /// up to [`WHOLE_PAYLOAD`] once per call, header and payload bytes (masked as they came).
    pub fn advance(&mut self, mut judge: impl FnMut(&Header, &[u8]) -> Verdict) -> Result<Step, FrameError> {
        debug_assert_eq!(self.cleared, 0);
        if self.owed > 0 {
            return Ok(self.clear_owed());
        }
        loop {
            let rest = self.inbox.unread().get(self.cleared..).unwrap_or_default();
            let header = match Header::parse(rest, self.from).and_then(|header| self.in_sequence(header)) {
                Ok(Some(header)) => header,
                Ok(None) => return Ok(self.clear_batch()),
                Err(_) if self.cleared > 0 => return Ok(Step::Cleared),
                Err(error) => return Err(error),
            };
            if header.payload_len > WHOLE_PAYLOAD as u64 {
                return Ok(self.clear_long_frame(&header));
            }
            let len = header.header_len + header.payload_len as usize;
            let Some(payload) = rest.get(header.header_len..len) else { return Ok(self.clear_batch()) };
            match judge(&header, payload) {
                Verdict::Pass => self.clear(&header, len),
                Verdict::Last => {
                    self.clear(&header, len);
                    self.finished = true;
                    return Ok(Step::Cleared);
                }
                Verdict::Hold | Verdict::Swallow if self.cleared > 0 => return Ok(Step::Cleared),
                Verdict::Hold => return Ok(Step::Held(len)),
                Verdict::Swallow => self.inbox.consume(len),
            }
        }
    }

    fn in_sequence(&self, header: Option<Header>) -> Result<Option<Header>, FrameError> {
        let Some(found) = header else { return Ok(None) };
        let fits = match found.opcode {
            Opcode::Continuation => self.in_message,
            Opcode::Text | Opcode::Binary => !self.in_message,
            Opcode::Close | Opcode::Ping | Opcode::Pong => true,
        };
        if fits { Ok(header) } else { Err(FrameError::OutOfSequence) }
    }

    fn clear(&mut self, header: &Header, len: usize) {
        self.cleared += len;
        if !header.opcode.is_control() {
            self.in_message = !header.fin;
        }
    }

    fn clear_batch(&self) -> Step {
        if self.cleared > 0 { Step::Cleared } else { Step::Starved }
    }

    fn clear_long_frame(&mut self, header: &Header) -> Step {
        if self.cleared == 0 {
            self.owed = header.frame_len();
            self.clear(header, 0);
            self.clear_owed();
        }
        Step::Cleared
    }

    fn clear_owed(&mut self) -> Step {
        let here = self.inbox.unread().len();
        self.cleared = usize::try_from(self.owed).map_or(here, |owed| owed.min(here));
        self.owed -= self.cleared as u64;
        self.clear_batch()
    }

    pub fn poll_read<R>(&mut self, cx: &mut Context<'_>, reader: &mut R) -> Poll<io::Result<usize>>
    where
        R: AsyncRead + Unpin,
    {
        self.inbox.poll_fill(cx, reader)
    }

    /// Ready when everything injected and cleared is written and flushed.
    pub fn poll_write<W>(&mut self, cx: &mut Context<'_>, writer: &mut W) -> Poll<io::Result<()>>
    where
        W: AsyncWrite + Unpin,
    {
        while !self.injected.is_empty() {
            let count = ready!(poll_write_some(cx, writer, &self.injected))?;
            self.injected.drain(..count.min(self.injected.len()));
            self.unflushed = true;
        }
        while self.cleared > 0 {
            let bytes = self.inbox.unread().get(..self.cleared).unwrap_or_default();
            let count = ready!(poll_write_some(cx, writer, bytes))?.min(self.cleared);
            self.inbox.consume(count);
            self.cleared -= count;
            self.moved += if self.own_words { 0 } else { count as u64 };
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(writer).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.inbox.capacity() + self.injected.capacity()
    }
}

fn poll_write_some<W>(cx: &mut Context<'_>, writer: &mut W, bytes: &[u8]) -> Poll<io::Result<usize>>
where
    W: AsyncWrite + Unpin,
{
    match ready!(Pin::new(writer).poll_write(cx, bytes))? {
        0 => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        count => Poll::Ready(Ok(count)),
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::super::frame::{end_of_stream, server_frame};
    use super::super::inbox::MAX_CAPACITY;
    use super::*;

    /// A rack lane that has read `bytes`.
    fn lane_with(bytes: &[u8]) -> Lane {
        let mut lane = Lane::new(Peer::Rack);
        lane.inbox.replace_after(0, bytes);
        lane
    }

    /// What the lane clears next when every frame may pass.
    fn clear_next(lane: &mut Lane) -> Option<Vec<u8>> {
        let Ok(Step::Cleared) = lane.advance(|_, _| Verdict::Pass) else { return None };
        let bytes = lane.inbox.unread()[..lane.cleared].to_vec();
        lane.drop_cleared();
        Some(bytes)
    }

    #[test]
    fn whole_frames_share_a_write_and_a_partial_one_waits() {
        let frames = [server_frame(Opcode::Text, b"one"), server_frame(Opcode::Ping, b"")].concat();
        let mut lane = lane_with(&[&frames[..], &[0x81, 5, b'p', b'a']].concat());
        assert_eq!(clear_next(&mut lane), Some(frames));
        assert_eq!(clear_next(&mut lane), None);
        assert!(!lane.is_inside_frame());
    }

    #[test]
    fn good_frames_before_a_bad_one_still_pass() {
        let mut lane = lane_with(b"\x81\x01a\xF1\x00");
        assert_eq!(clear_next(&mut lane).unwrap(), b"\x81\x01a");
        assert_eq!(lane.advance(|_, _| Verdict::Pass).err(), Some(FrameError::ReservedBits));
    }

    #[test]
    fn fragments_must_follow_one_another() {
        for broken in [&b"\x80\x00"[..], b"\x01\x00\x81\x00", b"\x01\x00\x80\x00\x80\x00"] {
            let mut lane = lane_with(broken);
            while clear_next(&mut lane).is_some() {}
            let verdict = lane.advance(|_, _| Verdict::Pass).err();
            assert_eq!(verdict, Some(FrameError::OutOfSequence), "{broken:x?}");
        }
        let mut lane = lane_with(b"\x01\x01a\x89\x00\x00\x01b\x80\x00\x82\x01c");
        assert_eq!(clear_next(&mut lane).unwrap().len(), 13, "control frames may stand between fragments");
    }

    #[test]
    fn held_frames_stand_at_the_front_until_released() {
        let mut lane = lane_with(b"\x81\x01a\x81\x01b\x81\x01c");
        let judge = |_: &Header, payload: &[u8]| if payload == b"b" { Verdict::Hold } else { Verdict::Pass };
        assert!(matches!(lane.advance(judge), Ok(Step::Cleared)));
        assert_eq!(lane.cleared, 3);
        lane.drop_cleared();
        assert!(matches!(lane.advance(judge), Ok(Step::Held(3))));
        assert!(matches!(lane.advance(judge), Ok(Step::Held(3))));
        lane.release(3);
        assert_eq!(lane.cleared, 3);
        lane.drop_cleared();
        assert_eq!(clear_next(&mut lane).unwrap(), b"\x81\x01c");
    }

    #[test]
    fn swallowed_frames_vanish_and_the_last_ends_the_lane() {
        let mut lane = lane_with(&[&b"\x81\x01a\x81\x01b"[..], &end_of_stream(), b"\x81\x01c"].concat());
        let judge = |header: &Header, payload: &[u8]| match payload {
            b"a" => Verdict::Swallow,
            _ if header.is_end_of_stream() => Verdict::Last,
            _ => Verdict::Pass,
        };
        assert!(matches!(lane.advance(judge), Ok(Step::Cleared)));
        assert_eq!(&lane.inbox.unread()[..lane.cleared], b"\x81\x01b\x82\x00");
        assert!(lane.is_finished());
    }

    #[test]
    fn own_words_close_an_open_message_and_drop_what_was_not_cleared() {
        let mut lane = lane_with(b"\x01\x01a\x00\x05bc");
        assert!(matches!(lane.advance(|_, _| Verdict::Pass), Ok(Step::Cleared)));
        lane.speak_instead(b"\x81\x02no");
        assert_eq!(lane.inbox.unread(), b"\x01\x01a\x80\x00\x81\x02no");
        assert_eq!((lane.cleared, lane.moved()), (3, 3));
    }

    #[tokio::test]
    async fn a_long_frame_streams_through_a_bounded_buffer() {
        let frame = server_frame(Opcode::Binary, &vec![0xE9; 8 << 20]);
        let sent = [&b"\x81\x01a"[..], &frame, b"\x81\x01z"].concat();
        let (mut rack, mut near) = duplex(256 * 1024);
        let (mut writer, mut client) = duplex(100_000);
        let feed = sent.clone();
        tokio::spawn(async move { rack.write_all(&feed).await });
        let reading = tokio::spawn(async move {
            let mut seen = Vec::new();
            client.read_to_end(&mut seen).await.map(|_| seen)
        });
        let mut lane = Lane::new(Peer::Rack);
        loop {
            poll_fn(|cx| lane.poll_write(cx, &mut writer)).await.unwrap();
            assert!(lane.capacity() <= MAX_CAPACITY);
            if matches!(lane.advance(|_, _| Verdict::Pass).unwrap(), Step::Starved)
                && poll_fn(|cx| lane.poll_read(cx, &mut near)).await.unwrap() == 0
            {
                break;
            }
        }
        assert!(!lane.is_inside_frame());
        drop(writer);
        assert!(reading.await.unwrap().unwrap() == sent);
        assert_eq!(lane.moved(), sent.len() as u64);
    }
}
