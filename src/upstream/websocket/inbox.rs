//! The read buffer of one direction: none while idle, grown while a frame or a burst needs it, bounded always.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use super::frame::MAX_HEADER;

/// Payloads up to this size are forwarded whole, in one write.
pub const WHOLE_PAYLOAD: usize = 64 * 1024;
/// What a direction reads at first, when it was idle.
pub const FIRST_READ: usize = 1024;
/// The most a direction ever holds: one whole frame.
pub const MAX_CAPACITY: usize = WHOLE_PAYLOAD + MAX_HEADER;

/// Bytes read and not yet forwarded: `storage[start..end]`.
#[derive(Default)]
pub struct Inbox {
    storage: Vec<u8>,
    start: usize,
    end: usize,
    /// The last read filled all the room there was, so more is probably waiting.
    bursting: bool,
}

impl Inbox {
    pub fn unread(&self) -> &[u8] {
        self.storage.get(self.start..self.end).unwrap_or_default()
    }

    pub fn consume(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Puts `bytes` in the place of everything after the first `keep` unread bytes.
    pub fn replace_after(&mut self, keep: usize, bytes: &[u8]) {
        let mut storage = self.unread().get(..keep).unwrap_or_default().to_vec();
        storage.extend_from_slice(bytes);
        *self = Self { start: 0, end: storage.len(), storage, bursting: false };
    }

    /// Reads once. `Ok(0)` is the end of the stream. While nothing comes, an empty buffer is given up.
    pub fn poll_fill<R>(&mut self, cx: &mut Context<'_>, reader: &mut R) -> Poll<io::Result<usize>>
    where
        R: AsyncRead + Unpin,
    {
        if self.storage.is_empty() {
            return self.poll_first(cx, reader);
        }
        self.make_room();
        let room = self.storage.get_mut(self.end..).unwrap_or_default();
        let mut buf = ReadBuf::new(room);
        let Poll::Ready(outcome) = Pin::new(reader).poll_read(cx, &mut buf) else {
            self.rest();
            return Poll::Pending;
        };
        let (count, bursting) = (buf.filled().len(), buf.remaining() == 0);
        outcome?;
        self.end += count;
        self.bursting = bursting;
        Poll::Ready(Ok(count))
    }

    /// Reads by way of the stack, so that waiting takes no room.
    fn poll_first<R>(&mut self, cx: &mut Context<'_>, reader: &mut R) -> Poll<io::Result<usize>>
    where
        R: AsyncRead + Unpin,
    {
        let mut scratch = [0; FIRST_READ];
        let mut buf = ReadBuf::new(&mut scratch);
        ready!(Pin::new(reader).poll_read(cx, &mut buf))?;
        let (count, bursting) = (buf.filled().len(), buf.remaining() == 0);
        if count > 0 {
            *self = Self { storage: scratch.to_vec(), start: 0, end: count, bursting };
        }
        Poll::Ready(Ok(count))
    }

    /// Makes room for at least one byte: at the front what was consumed, else four times the buffer.
    fn make_room(&mut self) {
        if self.start > 0 {
            self.storage.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let capacity = self.storage.len();
        if self.bursting || self.end == capacity {
            let wanted = (capacity * 4).clamp(FIRST_READ, MAX_CAPACITY.max(capacity));
            self.storage.reserve_exact(wanted - capacity);
            self.storage.resize(wanted, 0);
        }
    }

    fn rest(&mut self) {
        self.bursting = false;
        if self.end == self.start {
            self.storage = Vec::new();
        }
    }

    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.storage.capacity()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    async fn fill(inbox: &mut Inbox, reader: &mut (impl AsyncRead + Unpin)) -> usize {
        poll_fn(|cx| inbox.poll_fill(cx, reader)).await.unwrap()
    }

    /// Polls once with nothing to read, as an idle tunnel does.
    async fn poll_idle(inbox: &mut Inbox, reader: &mut (impl AsyncRead + Unpin)) {
        poll_fn(|cx| {
            assert!(inbox.poll_fill(cx, reader).is_pending());
            Poll::Ready(())
        })
        .await;
    }

    #[tokio::test]
    async fn grows_to_one_whole_frame_and_no_further_then_rests_without() {
        let (mut far, mut near) = duplex(1 << 20);
        far.write_all(&vec![5; MAX_CAPACITY]).await.unwrap();
        let mut inbox = Inbox::default();
        assert_eq!(inbox.capacity(), 0, "nothing is held before the first read");
        while inbox.unread().len() < MAX_CAPACITY {
            assert!(fill(&mut inbox, &mut near).await > 0);
            assert!(inbox.capacity() <= MAX_CAPACITY);
        }
        assert_eq!(inbox.unread(), vec![5; MAX_CAPACITY]);
        inbox.consume(MAX_CAPACITY);
        poll_idle(&mut inbox, &mut near).await;
        assert_eq!(inbox.capacity(), 0);
    }

    #[tokio::test]
    async fn a_partial_frame_keeps_its_bytes_while_waiting() {
        let (mut far, mut near) = duplex(1 << 20);
        let sent: Vec<u8> = (0..5000u32).map(|n| n as u8).collect();
        far.write_all(&sent).await.unwrap();
        let mut inbox = Inbox::default();
        while inbox.unread().len() < sent.len() {
            fill(&mut inbox, &mut near).await;
        }
        inbox.consume(3);
        poll_idle(&mut inbox, &mut near).await;
        assert_eq!(inbox.unread(), &sent[3..]);
        drop(far);
        assert_eq!(fill(&mut inbox, &mut near).await, 0);
        assert_eq!(inbox.unread(), &sent[3..]);
    }

    #[test]
    fn replacing_keeps_what_was_promised() {
        let mut inbox = Inbox::default();
        inbox.replace_after(0, b"abcdef");
        inbox.consume(1);
        inbox.replace_after(2, b"XY");
        assert_eq!(inbox.unread(), b"bcXY");
        inbox.consume(9);
        assert_eq!(inbox.unread(), b"");
    }
}
