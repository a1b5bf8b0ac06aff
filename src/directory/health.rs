//! What is known of an instance, and what follows from it. Nothing here does anything: the time and the findings come
//! in, a new record goes out, or none when nothing changed.

use super::{Instance, Status};
use crate::core::Timestamp;
use std::time::Duration;

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    Passing,
    /// It works, and not as well as it should.
    Warning(String),
    /// It answers wrongly.
    Wrong(String),
    /// It does not answer.
    Away(String),
}

/// How often in a row checks went the same way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    failures: u16,
    successes: u16,
}

impl Instance {
    /// The worst of what is said about it; [`Status::Unknown`] when nobody says anything.
    fn verdict(&self) -> Status {
        if self.lease_missed {
            return Status::Unreachable;
        }
        let known = [self.reported, self.checked].into_iter().flatten();
        known.max_by_key(|status| gravity(*status)).unwrap_or_default()
    }

    /// The record after `change`, when that makes a difference to anybody.
    pub(super) fn revised(&self, now: Timestamp, change: impl FnOnce(&mut Self)) -> Option<Self> {
        let mut after = self.clone();
        change(&mut after);
        after.status = after.verdict();
        if after.status != self.status {
            after.status_since = now;
        }
        let is_same = after.status == self.status
            && after.details == self.details
            && after.reported == self.reported
            && after.checked == self.checked
            && after.lease_missed == self.lease_missed;
        (!is_same).then_some(after)
    }

    /// After a heartbeat. What it says of itself counts until it says something else; a lease that was missed begins
    /// anew, and what checks found before that is forgotten.
    pub(super) fn renewed(
        &self,
        said: Option<Status>,
        details: Option<&str>,
        now: Timestamp,
    ) -> Option<Self> {
        self.revised(now, |one| {
            if let Some(status) = said {
                one.reported = Some(status).filter(|status| *status != Status::Unknown);
            }
            if one.lease_missed {
                (one.lease_missed, one.checked) = (false, None);
                one.details.clear();
            }
            if let Some(details) = details {
                details.clone_into(&mut one.details);
            }
        })
    }

    /// After a check.
    pub(super) fn probed(&self, tally: &mut Tally, finding: &Finding, now: Timestamp) -> Option<Self> {
        let (found, details) = match finding {
            Finding::Passing => (Status::Healthy, ""),
            Finding::Warning(why) => (Status::Degraded, why.as_str()),
            Finding::Wrong(why) => (Status::Error, why.as_str()),
            Finding::Away(why) => (Status::Unreachable, why.as_str()),
        };
        let was_failing = self.checked.is_some_and(|status| !status.takes_calls());
        let is_settled = if found.takes_calls() {
            *tally = Tally { failures: 0, successes: tally.successes.saturating_add(1) };
            !was_failing || tally.successes >= self.check.successes_before_passing
        } else {
            *tally = Tally { failures: tally.failures.saturating_add(1), successes: 0 };
            was_failing || tally.failures >= self.check.failures_before_critical
        };
        if !is_settled || self.checked == Some(found) {
            return None;
        }
        self.revised(now, |one| {
            one.checked = Some(found);
            if !one.lease_missed {
                details.clone_into(&mut one.details);
            }
        })
    }

    /// When its lease has run out. Nobody's runs out sooner than a full lease after `grace`: those who could not be
    /// heard are not to blame.
    pub(super) fn overdue(&self, grace: Timestamp, now: Timestamp) -> Option<Self> {
        let (ttl, end) = (self.ttl?, self.lease_end()?);
        if self.lease_missed || now <= end.max(grace.saturating_add(ttl)) {
            return None;
        }
        self.revised(now, |one| {
            one.lease_missed = true;
            one.details = format!("no heartbeat for {}", seconds(ttl));
        })
    }

    /// Whether it has failed for so long that it is to be removed, counted from `grace` at the earliest.
    pub(super) fn is_given_up(&self, grace: Timestamp, now: Timestamp) -> bool {
        !self.status.takes_calls()
            && self
                .deregister_after
                .is_some_and(|span| now > self.status_since.max(grace).saturating_add(span))
    }
}

const fn gravity(status: Status) -> u8 {
    match status {
        Status::Unknown => 0,
        Status::Healthy => 1,
        Status::Degraded => 2,
        Status::Error => 3,
        Status::Unreachable => 4,
    }
}

fn seconds(span: Duration) -> String {
    format!("{} seconds", span.as_secs())
}

#[cfg(test)]
mod tests;
