//! Instances that fail call after call get none for a while, and then one on trial. The directory's own checks may
//! take longer to notice, or never, when something answers connections and nothing else.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EjectionRules {
    /// So many failures in a row.
    pub after: u32,
    /// For how long the first time; each time in a row adds as much again.
    pub span: Duration,
    /// At most so many of a hundred instances of a service at once, rounded down.
    pub share: u8,
}

/// However often in a row.
const LONGEST: u32 = 30;
/// A call on trial that has told nothing after this long blocks no further one.
const TRIAL: Duration = Duration::from_secs(30);

impl EjectionRules {
    /// Whether one more of `all` may go, when `out` are gone.
    pub fn allow(&self, out: usize, all: usize) -> bool {
        (out + 1) * 100 <= all * usize::from(self.share)
    }
}

/// How an instance has done lately.
#[derive(Debug, Default)]
pub struct Standing(Mutex<State>);

#[derive(Clone, Copy, Debug)]
enum State {
    In { failures: u32 },
    Out { until: Instant, times: u32 },
    OnTrial { since: Instant, times: u32 },
}

impl Default for State {
    fn default() -> Self {
        Self::In { failures: 0 }
    }
}

impl Standing {
    /// Whether it may get a call now.
    pub fn is_in(&self, now: Instant) -> bool {
        match *self.state() {
            State::In { .. } => true,
            State::Out { until, .. } => until <= now,
            State::OnTrial { since, .. } => now.duration_since(since) >= TRIAL,
        }
    }

    /// Whether it is out or on trial.
    pub fn is_out(&self) -> bool {
        !matches!(*self.state(), State::In { .. })
    }

    /// It gets a call.
    pub fn begin(&self, now: Instant) {
        let mut state = self.state();
        if let State::Out { until, times } = *state
            && until <= now
        {
            *state = State::OnTrial { since: now, times };
        }
    }

    pub fn succeeded(&self) {
        *self.state() = State::default();
    }

    /// True when this put it out. `may_go` says whether enough others are left.
    pub fn failed(&self, now: Instant, rules: &EjectionRules, may_go: impl FnOnce() -> bool) -> bool {
        let before = *self.state();
        let (next, is_out) = match before {
            State::In { failures } if failures + 1 >= rules.after && may_go() => (out(now, rules, 1), true),
            State::In { failures } => (State::In { failures: failures.saturating_add(1) }, false),
            State::OnTrial { times, .. } => (out(now, rules, times.saturating_add(1).min(LONGEST)), true),
            // Calls that were under way tell nothing new.
            State::Out { .. } => (before, false),
        };
        *self.state() = next;
        is_out
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn out(now: Instant, rules: &EjectionRules, times: u32) -> State {
    let until = now.checked_add(rules.span.saturating_mul(times)).unwrap_or(now);
    State::Out { until, times }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: EjectionRules = EjectionRules { after: 3, span: Duration::from_secs(10), share: 50 };
    const SECOND: Duration = Duration::from_secs(1);

    fn fail(standing: &Standing, now: Instant, times: usize) -> bool {
        (0..times).fold(false, |out, _| standing.failed(now, &RULES, || true) || out)
    }

    #[test]
    fn failures_in_a_row_put_it_out_and_a_success_between_them_does_not() {
        let (standing, now) = (Standing::default(), Instant::now());
        assert!(!fail(&standing, now, 2));
        standing.succeeded();
        assert!(!fail(&standing, now, 2) && standing.is_in(now));
        assert!(fail(&standing, now, 1) && !standing.is_in(now));
        assert!(!fail(&standing, now, 5), "it is out already");
    }

    #[test]
    fn it_comes_back_on_trial_and_for_good_when_that_goes_well() {
        let (standing, now) = (Standing::default(), Instant::now());
        fail(&standing, now, 3);
        assert!(!standing.is_in(now + SECOND * 9));
        let later = now + SECOND * 10;
        assert!(standing.is_in(later));
        standing.begin(later);
        assert!(!standing.is_in(later), "one call on trial at a time");
        assert!(standing.is_in(later + TRIAL), "which may get lost");
        standing.succeeded();
        assert!(standing.is_in(later) && !standing.is_out());
    }

    #[test]
    fn each_failed_trial_makes_it_longer() {
        let (standing, mut now) = (Standing::default(), Instant::now());
        fail(&standing, now, 3);
        for times in 2..5 {
            now += RULES.span * (times - 1);
            standing.begin(now);
            assert!(fail(&standing, now, 1));
            assert!(!standing.is_in(now + RULES.span * times - SECOND));
            assert!(standing.is_in(now + RULES.span * times));
        }
    }

    #[test]
    fn not_more_than_a_share_goes() {
        let (standing, now) = (Standing::default(), Instant::now());
        for _ in 0..10 {
            assert!(!standing.failed(now, &RULES, || false));
        }
        assert!(standing.is_in(now));
        assert!(standing.failed(now, &RULES, || true), "as soon as there is room");
        let allowed = |out, all| RULES.allow(out, all);
        assert!(!allowed(0, 1) && allowed(0, 2) && !allowed(1, 3) && allowed(1, 4) && !allowed(2, 5));
    }
}
