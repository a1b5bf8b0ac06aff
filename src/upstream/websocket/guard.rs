//! Care for the exit marker, the only thing that tells the stock client how a command ended.
//!
//! The client looks for the marker in one read from a buffer of 4096 bytes: a marker that straddles the end of
//! that buffer, or shares a read with other text, is lost and the exit code becomes 0. So the guard has the
//! client prove (see [`Checkpoints`]) that its buffer is empty, sends the marker alone, and lets nothing follow
//! before the client has read that too. A client that proves nothing in time gets the marker anyway.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::time::{Sleep, sleep};

use super::checkpoint::Checkpoints;
use super::frame::Header;
use super::lane::Lane;

/// Between the marker and the next ping, so that the marker leaves in a segment of its own.
const PAUSE: Duration = Duration::from_millis(5);

pub struct ExitGuard {
    checkpoints: Checkpoints,
    stage: Stage,
    /// The client has read everything sent to it.
    proven: bool,
    wait: Duration,
}

enum Stage {
    Open,
    PingSent,
    /// The timer bounds the wait for the pong.
    Proving(Pin<Box<Sleep>>),
    MarkerSent,
    Pausing(Pin<Box<Sleep>>),
}

impl ExitGuard {
    pub fn new(wait: Duration) -> Self {
        Self { checkpoints: Checkpoints::new(), stage: Stage::Open, proven: true, wait }
    }

    /// Takes a client frame that answers one of the guard's pings; it must not reach the rack.
    pub fn claims(&mut self, header: &Header, payload: &[u8]) -> bool {
        self.checkpoints.claim(header, payload)
    }

    /// Other frames are on their way to the client.
    pub fn note_output(&mut self) {
        self.proven = false;
    }

    /// Deals with a marker of `len` bytes held at the front of `lane`. True when it has been released; else the
    /// lane goes on holding it until the client's buffer is proven empty.
    pub fn try_release(&mut self, lane: &mut Lane, len: usize) -> bool {
        if !self.proven {
            self.prove(lane);
            return false;
        }
        lane.release(len);
        self.proven = false;
        self.stage = Stage::MarkerSent;
        true
    }

    /// Writes what `lane` has cleared; ready when that is done and the next frame may follow.
    pub fn poll_write<W>(
        &mut self,
        cx: &mut Context<'_>,
        lane: &mut Lane,
        client: &mut W,
    ) -> Poll<io::Result<()>>
    where
        W: AsyncWrite + Unpin,
    {
        loop {
            ready!(lane.poll_write(cx, client))?;
            match &mut self.stage {
                Stage::Open => return Poll::Ready(Ok(())),
                Stage::PingSent => self.stage = Stage::Proving(Box::pin(sleep(self.wait))),
                Stage::MarkerSent => self.stage = Stage::Pausing(Box::pin(sleep(PAUSE))),
                Stage::Pausing(timer) => {
                    ready!(timer.as_mut().poll(cx));
                    self.prove(lane);
                }
                Stage::Proving(timer) => {
                    if !self.checkpoints.reached() {
                        ready!(timer.as_mut().poll(cx));
                    }
                    self.proven = true;
                    self.stage = Stage::Open;
                }
            }
        }
    }

    fn prove(&mut self, lane: &mut Lane) {
        lane.inject(self.checkpoints.next_ping());
        self.stage = Stage::PingSent;
    }
}
