//! What is known of one connection, in atomics: written by the task that serves it, read by the reaper.
//!
//! All accesses are relaxed: each value stands alone, and a reaper that sees one a moment late only cuts a moment
//! late.

use super::{Connection, framing::Flaw};
use futures_util::task::AtomicWaker;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    task::Waker,
};

/// Milliseconds since the listener was bound, moved on by the reaper. Reading it costs one load.
#[derive(Debug, Default)]
pub struct CoarseClock(AtomicU64);

impl CoarseClock {
    pub fn now(&self) -> u64 {
        self.0.load(Relaxed)
    }

    pub fn set(&self, millis: u64) {
        self.0.store(millis, Relaxed);
    }
}

macro_rules! byte_enum {
    ($(#[$doc:meta])* $name:ident { $first:ident, $($rest:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name { $first, $($rest),* }

        impl $name {
            fn from_byte(byte: u8) -> Self {
                [$(Self::$rest),*].into_iter().find(|known| *known as u8 == byte).unwrap_or(Self::$first)
            }
        }
    };
}

byte_enum! {
    /// Where in its life a connection stands.
    Phase { Handshake, Head, Serving, Idle, Upgraded, Lingering }
}

byte_enum! {
    /// What the connection's task has been told to do.
    Order { Run, Close, Cut }
}

#[derive(Debug)]
pub struct ConnState {
    pub connection: Connection,
    clock: Arc<CoarseClock>,
    phase: AtomicU8,
    since: AtomicU64,
    order: AtomicU8,
    waker: AtomicWaker,
    pub io: IoNotes,
    pub heads: HeadNotes,
    pub suspicion: Suspicion,
}

/// The reaper's own notes on a body that is awaited.
#[derive(Debug, Default)]
pub struct Suspicion {
    /// When the watch on it began, in clock milliseconds plus one; 0 when there is none.
    pub since: AtomicU64,
    /// [`IoNotes::moved`] at that time.
    pub moved: AtomicU32,
}

/// What the socket wrapper saw.
#[derive(Debug, Default)]
pub struct IoNotes {
    /// hyper asked for bytes and the client had none.
    pub read_waits: AtomicBool,
    /// Since when the client has taken no byte, in clock milliseconds plus one; 0 when it does take them.
    pub write_stuck: AtomicU64,
    /// Counts that wrap; only their change means something.
    pub bytes_in: AtomicU32,
    pub bytes_out: AtomicU32,
}

/// What the raw bytes said about request heads.
#[derive(Debug, Default)]
pub struct HeadNotes {
    pub in_head: AtomicBool,
    pub in_body: AtomicBool,
    seen: AtomicU32,
    served: AtomicU32,
    flaw: AtomicU8,
}

impl IoNotes {
    /// Grows by one for each byte read, and by [`STEADY`] for each written: a client that is being answered is no
    /// sluggard. Wraps.
    pub fn moved(&self) -> u32 {
        self.bytes_in.load(Relaxed).wrapping_add(self.bytes_out.load(Relaxed).wrapping_mul(STEADY))
    }
}

/// Bytes that an awaited body must bring in each `body_idle_timeout`.
pub const STEADY: u32 = 1024;

impl ConnState {
    pub fn new(connection: Connection, clock: Arc<CoarseClock>) -> Self {
        let since = AtomicU64::new(clock.now());
        Self {
            connection,
            clock,
            phase: AtomicU8::new(Phase::Handshake as u8),
            since,
            order: AtomicU8::new(Order::Run as u8),
            waker: AtomicWaker::new(),
            io: IoNotes::default(),
            heads: HeadNotes::default(),
            suspicion: Suspicion::default(),
        }
    }

    pub fn phase(&self) -> Phase {
        Phase::from_byte(self.phase.load(Relaxed))
    }

    /// When the present phase began, in clock milliseconds.
    pub fn since(&self) -> u64 {
        self.since.load(Relaxed)
    }

    pub fn enter(&self, phase: Phase) {
        self.since.store(self.clock.now(), Relaxed);
        self.phase.store(phase as u8, Relaxed);
    }

    pub fn order(&self) -> Order {
        Order::from_byte(self.order.load(Relaxed))
    }

    /// Tells the connection's task; an order is never taken back.
    pub fn tell(&self, order: Order) {
        self.order.fetch_max(order as u8, Relaxed);
        self.waker.wake();
    }

    /// The task to wake for an order: the connection's, and after an upgrade the one that reads the tunnel.
    pub fn listen(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// The bytes of a next head begin. While a response is still being sent this is pipelining, and waits.
    pub fn note_heads(&self, seen: u32, in_head: bool, in_body: bool) {
        self.heads.seen.store(seen, Relaxed);
        self.heads.in_body.store(in_body, Relaxed);
        let was_in_head = self.heads.in_head.swap(in_head, Relaxed);
        if in_head && !was_in_head && self.phase() == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    /// The last head seen must not be served. No later head is looked at.
    pub fn note_flaw(&self, flaw: Flaw) {
        self.heads.flaw.store(flaw as u8, Relaxed);
    }

    pub fn note_read(&self, bytes: usize) {
        self.io.read_waits.store(false, Relaxed);
        self.io.bytes_in.fetch_add(bytes as u32, Relaxed);
    }

    pub fn note_written(&self, bytes: usize) {
        self.io.write_stuck.store(0, Relaxed);
        self.io.bytes_out.fetch_add(bytes as u32, Relaxed);
    }

    pub fn note_write_stuck(&self) {
        let now = self.clock.now().saturating_add(1);
        let _ = self.io.write_stuck.compare_exchange(0, now, Relaxed, Relaxed);
    }

    /// Called once for each request that hyper hands over. Returns what was wrong with its head, which includes a
    /// head that nobody saw: hyper and we then disagree on where a message ends, and neither is to be trusted.
    pub fn begin_request(self: &Arc<Self>) -> (RequestGuard, Option<Flaw>) {
        self.enter(Phase::Serving);
        let index = self.heads.served.fetch_add(1, Relaxed);
        let seen = self.heads.seen.load(Relaxed);
        let flaw = if index == seen {
            Some(Flaw::Unseen)
        } else if index.wrapping_add(1) == seen {
            Flaw::from_byte(self.heads.flaw.load(Relaxed))
        } else {
            None
        };
        (RequestGuard(self.clone()), flaw)
    }
}

/// Held from the call of the service until its response body is finished or dropped.
#[derive(Debug)]
pub struct RequestGuard(Arc<ConnState>);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        if self.0.phase() == Phase::Serving {
            let waiting = self.0.heads.in_head.load(Relaxed);
            self.0.enter(if waiting { Phase::Head } else { Phase::Idle });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> Arc<ConnState> {
        let connection = Connection { peer: "127.0.0.1:1".parse().unwrap(), tls: false };
        Arc::new(ConnState::new(connection, Arc::default()))
    }

    #[test]
    fn a_request_begins_and_ends() {
        let state = state();
        state.enter(Phase::Head);
        state.note_heads(1, false, false);
        let (guard, flaw) = state.begin_request();
        assert_eq!((state.phase(), flaw), (Phase::Serving, None));
        drop(guard);
        assert_eq!(state.phase(), Phase::Idle);
        state.note_heads(1, true, false);
        assert_eq!(state.phase(), Phase::Head);
    }

    #[test]
    fn half_a_pipelined_head_is_on_the_clock_once_the_response_is_out() {
        let state = state();
        state.note_heads(1, true, false);
        let (guard, _) = state.begin_request();
        state.note_heads(1, true, false);
        assert_eq!(state.phase(), Phase::Serving);
        drop(guard);
        assert_eq!(state.phase(), Phase::Head);
    }

    #[test]
    fn the_flaw_belongs_to_the_last_head_seen() {
        let state = state();
        state.note_heads(2, false, false);
        state.note_flaw(Flaw::Fragment);
        assert_eq!(state.begin_request().1, None);
        assert_eq!(state.begin_request().1, Some(Flaw::Fragment));
        assert_eq!(state.begin_request().1, Some(Flaw::Unseen));
    }

    #[test]
    fn an_upgraded_connection_stays_upgraded() {
        let state = state();
        state.note_heads(1, false, false);
        let (guard, _) = state.begin_request();
        state.enter(Phase::Upgraded);
        drop(guard);
        assert_eq!(state.phase(), Phase::Upgraded);
    }

    #[test]
    fn orders_only_get_harder() {
        let state = state();
        state.tell(Order::Cut);
        state.tell(Order::Close);
        assert_eq!(state.order(), Order::Cut);
    }
}
