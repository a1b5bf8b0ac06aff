//! The socket as hyper sees it, with a note taken of every byte that passes.

use super::{
    framing::Framing,
    registry::ConnGuard,
    state::{ConnState, Order, Phase},
    stream::Stream,
};
use std::{
    io,
    pin::Pin,
    sync::atomic::Ordering::Relaxed,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Most that is read and thrown away from a client that keeps sending after its answer.
const LINGER_BYTES: usize = 8 << 20;

/// After an upgrade, `Upgraded::downcast::<TokioIo<Watched>>()` gives it back without hyper's boxes.
#[derive(Debug)]
pub struct Watched {
    stream: Stream,
    guard: ConnGuard,
    framing: Framing,
    closing: Closing,
}

#[derive(Debug)]
enum Closing {
    Open,
    /// Our side is shut; this many more bytes may arrive.
    Lingering(usize),
}

impl Watched {
    pub(super) fn new(stream: Stream, guard: ConnGuard) -> Self {
        Self { stream, guard, framing: Framing::default(), closing: Closing::Open }
    }

    fn state(&self) -> &ConnState {
        &self.guard.state
    }

    fn see(&mut self, bytes: &[u8]) {
        self.guard.state.note_read(bytes.len());
        if self.guard.state.phase() == Phase::Upgraded {
            return;
        }
        self.framing.feed(bytes);
        let framing = &self.framing;
        self.guard.state.note_heads(framing.heads(), framing.in_head(), framing.in_body());
        if let Some(flaw) = framing.flaw() {
            self.guard.state.note_flaw(flaw);
        }
    }

    fn note_write(&self, outcome: &Poll<io::Result<usize>>) {
        match outcome {
            Poll::Ready(Ok(bytes)) => self.state().note_written(*bytes),
            Poll::Ready(Err(_)) => (),
            Poll::Pending => self.state().note_write_stuck(),
        }
    }

    /// Closing a socket with unread bytes makes the kernel reset it, and the reset may overtake our answer. So a
    /// client that is in the middle of sending is read on for a while: until it closes, or the reaper cuts it.
    fn poll_linger(&mut self, cx: &mut Context<'_>, mut left: usize) -> Poll<io::Result<()>> {
        let mut scratch = [0; 4096];
        loop {
            let mut buf = ReadBuf::new(&mut scratch);
            self.closing = Closing::Lingering(left);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf))?;
            let read = buf.filled().len();
            if read == 0 || read > left {
                return Poll::Ready(Ok(()));
            }
            left -= read;
        }
    }
}

/// A tunnel is no longer under the connection's task: it hears of the final cut here.
fn poll_cut(state: &ConnState, cx: &Context<'_>) -> io::Result<()> {
    if state.phase() != Phase::Upgraded {
        return Ok(());
    }
    state.listen(cx.waker());
    match state.order() {
        Order::Cut => Err(io::ErrorKind::ConnectionAborted.into()),
        Order::Run | Order::Close => Ok(()),
    }
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        poll_cut(this.state(), cx)?;
        let before = buf.filled().len();
        let outcome = Pin::new(&mut this.stream).poll_read(cx, buf);
        match &outcome {
            Poll::Pending => this.state().io.read_waits.store(true, Relaxed),
            Poll::Ready(Ok(())) => this.see(buf.filled().get(before..).unwrap_or_default()),
            Poll::Ready(Err(_)) => (),
        }
        outcome
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.note_write(&outcome);
        outcome
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.note_write(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_flush(cx);
        match &outcome {
            Poll::Ready(Ok(())) => this.state().note_written(0),
            Poll::Ready(Err(_)) => (),
            Poll::Pending => this.state().note_write_stuck(),
        }
        outcome
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Closing::Lingering(left) = this.closing {
            return this.poll_linger(cx, left);
        }
        let shut = Pin::new(&mut this.stream).poll_shutdown(cx)?;
        if shut.is_pending() {
            this.state().note_write_stuck(); // the end of a TLS session must be written too
            return Poll::Pending;
        }
        if this.framing.at_rest() || this.state().phase() == Phase::Upgraded {
            return Poll::Ready(Ok(()));
        }
        this.state().enter(Phase::Lingering);
        this.poll_linger(cx, LINGER_BYTES)
    }
}
