//! One task a listener that looks at every connection about twice a second, in place of a timer a request.

use super::{
    ListenerLimits,
    registry::Shared,
    state::{ConnState, Order, Phase, STEADY},
};
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How long a closed connection is still read from, so that a client that is busy sending gets to see the answer.
const LINGER: Duration = Duration::from_secs(2);
const TICKS_A_SCAN: u32 = 5;

/// Moves the coarse clock and carries out the limits; runs until dropped.
pub async fn reap(shared: Arc<Shared>) {
    let started = Instant::now();
    let mut ticks = interval(tick(&shared.limits));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for count in (0..TICKS_A_SCAN).cycle() {
        let now = ticks.tick().await.saturating_duration_since(started);
        shared.clock.set(millis(now));
        if count == 0 {
            scan(&shared);
        }
    }
}

/// 100 ms, or less when a limit is so short that this would be coarse.
fn tick(limits: &ListenerLimits) -> Duration {
    let shortest = [
        limits.header_timeout,
        limits.keepalive_timeout,
        limits.body_idle_timeout,
        limits.handshake_timeout,
        limits.write_stall_timeout,
    ];
    let shortest = shortest.into_iter().min().unwrap_or_default();
    (shortest / 20).clamp(Duration::from_millis(5), Duration::from_millis(100))
}

fn scan(shared: &Shared) {
    let now = shared.clock.now();
    shared.each(|state| {
        let (order, reason) = match judge(state, now, &shared.limits) {
            Verdict::Keep => return,
            Verdict::Close(reason) => (Order::Close, reason),
            Verdict::Cut(reason) => (Order::Cut, reason),
        };
        if state.order() < order {
            tracing::debug!(peer = %state.connection.peer, reason, "closing a connection");
            metrics::counter!("gateway_connections_cut_total", "reason" => reason).increment(1);
            state.tell(order);
        }
    });
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Keep,
    /// Nothing is under way: end it as HTTP ends connections.
    Close(&'static str),
    Cut(&'static str),
}

fn judge(state: &ConnState, now: u64, limits: &ListenerLimits) -> Verdict {
    let over = |since: u64, limit: Duration| now.saturating_sub(since) >= millis(limit);
    let phase = state.phase();
    let stuck = state.io.write_stuck.load(Relaxed);
    if phase != Phase::Upgraded && stuck != 0 && over(stuck - 1, limits.write_stall_timeout) {
        return Verdict::Cut("write_stalled");
    }
    match phase {
        Phase::Handshake if over(state.since(), limits.handshake_timeout) => Verdict::Cut("handshake"),
        Phase::Head if over(state.since(), limits.header_timeout) => Verdict::Cut("header"),
        Phase::Idle if stuck == 0 && over(state.since(), limits.keepalive_timeout) => Verdict::Close("idle"),
        Phase::Lingering if over(state.since(), LINGER) => Verdict::Cut("linger"),
        Phase::Serving if sluggish_since(state, now).is_some_and(|at| over(at, limits.body_idle_timeout)) => {
            Verdict::Cut("body")
        }
        _ => Verdict::Keep,
    }
}

/// Since when the client has owed us a body and sent less than [`STEADY`] bytes of it. A client that owes nothing
/// is never suspected, however slow the upstream; nor is one whose bytes nobody asks for.
fn sluggish_since(state: &ConnState, now: u64) -> Option<u64> {
    let suspicion = &state.suspicion;
    let owes = state.heads.in_body.load(Relaxed) && state.io.read_waits.load(Relaxed);
    if !owes {
        suspicion.since.store(0, Relaxed);
        return None;
    }
    let moved = state.io.moved();
    let known = suspicion.since.load(Relaxed);
    if known != 0 && moved.wrapping_sub(suspicion.moved.load(Relaxed)) < STEADY {
        return Some(known - 1);
    }
    suspicion.since.store(now.saturating_add(1), Relaxed);
    suspicion.moved.store(moved, Relaxed);
    None
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listener::{Connection, state::CoarseClock};

    struct Rig {
        clock: Arc<CoarseClock>,
        state: Arc<ConnState>,
        limits: ListenerLimits,
    }

    fn rig(phase: Phase) -> Rig {
        let clock = Arc::new(CoarseClock::default());
        let connection = Connection { peer: "127.0.0.1:1".parse().unwrap(), tls: false };
        let state = Arc::new(ConnState::new(connection, clock.clone()));
        state.enter(phase);
        Rig { clock, state, limits: ListenerLimits::default() }
    }

    impl Rig {
        fn at(&self, seconds: u64) -> Verdict {
            self.clock.set(seconds * 1_000);
            judge(&self.state, self.clock.now(), &self.limits)
        }
    }

    #[test]
    fn each_phase_has_its_limit() {
        for (phase, last_good, verdict) in [
            (Phase::Handshake, 9, Verdict::Cut("handshake")),
            (Phase::Head, 9, Verdict::Cut("header")),
            (Phase::Idle, 119, Verdict::Close("idle")),
            (Phase::Lingering, 1, Verdict::Cut("linger")),
        ] {
            let rig = rig(phase);
            assert_eq!(rig.at(last_good), Verdict::Keep, "{phase:?}");
            assert_eq!(rig.at(last_good + 1), verdict, "{phase:?}");
        }
        assert_eq!(rig(Phase::Upgraded).at(100_000), Verdict::Keep);
        assert_eq!(rig(Phase::Serving).at(100_000), Verdict::Keep);
    }

    #[test]
    fn a_body_must_keep_moving() {
        let rig = rig(Phase::Serving);
        rig.state.note_heads(1, false, true);
        rig.state.io.read_waits.store(true, Relaxed);
        assert_eq!(rig.at(100), Verdict::Keep, "the watch begins when it is first seen waiting");
        rig.state.io.bytes_in.fetch_add(STEADY - 1, Relaxed);
        assert_eq!(rig.at(159), Verdict::Keep);
        rig.state.io.bytes_in.fetch_add(1, Relaxed);
        assert_eq!(rig.at(160), Verdict::Keep, "a kilobyte in a minute is enough");
        rig.state.io.bytes_in.fetch_add(7, Relaxed);
        assert_eq!(rig.at(220), Verdict::Cut("body"));
    }

    #[test]
    fn a_client_that_is_answered_or_not_asked_is_let_be() {
        let rig = rig(Phase::Serving);
        rig.state.note_heads(1, false, true);
        rig.state.io.read_waits.store(true, Relaxed);
        assert_eq!(rig.at(0), Verdict::Keep);
        rig.state.note_written(1);
        assert_eq!(rig.at(60), Verdict::Keep);
        rig.state.io.read_waits.store(false, Relaxed);
        assert_eq!(rig.at(1_000), Verdict::Keep);
        rig.state.io.read_waits.store(true, Relaxed);
        assert_eq!(rig.at(1_001), Verdict::Keep);
    }

    #[test]
    fn a_client_that_does_not_read_is_cut_even_when_the_response_is_done() {
        for phase in [Phase::Serving, Phase::Idle] {
            let rig = rig(phase);
            rig.state.note_write_stuck();
            assert_eq!(rig.at(599), Verdict::Keep);
            assert_eq!(rig.at(600), Verdict::Cut("write_stalled"));
            rig.state.note_written(1);
            assert_ne!(rig.at(601), Verdict::Cut("write_stalled"));
        }
    }

    #[test]
    fn ticks_follow_short_limits() {
        assert_eq!(tick(&ListenerLimits::default()), Duration::from_millis(100));
        let limits = ListenerLimits { header_timeout: Duration::from_millis(300), ..Default::default() };
        assert_eq!(tick(&limits), Duration::from_millis(15));
    }
}
