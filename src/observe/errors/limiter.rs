//! Lets one report of each kind through a minute, so that an outage is one report and not a thousand.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher as _},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const QUIET: Duration = Duration::from_secs(60);
/// Different kinds of report that may pass in one minute.
const MAX_KINDS: usize = 500;

#[derive(Debug)]
struct Seen {
    at: Instant,
    suppressed: u64,
}

#[derive(Debug, Default)]
pub(super) struct Limiter(Mutex<HashMap<u64, Seen>>);

impl Limiter {
    /// Whether a report of this kind may pass now: then `Some`, with the number held back before it.
    pub fn admit(&self, kind: &impl Hash, now: Instant) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        kind.hash(&mut hasher);
        let kind = hasher.finish();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = seen.get_mut(&kind) {
            if now.saturating_duration_since(last.at) < QUIET {
                last.suppressed += 1;
                return None;
            }
            last.at = now;
            return Some(std::mem::take(&mut last.suppressed));
        }
        if seen.len() >= MAX_KINDS {
            seen.retain(|_, last| now.saturating_duration_since(last.at) < QUIET);
        }
        if seen.len() >= MAX_KINDS {
            return None;
        }
        seen.insert(kind, Seen { at: now, suppressed: 0 });
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_minute_and_the_rest_is_counted() {
        let limiter = Limiter::default();
        let start = Instant::now();
        assert_eq!(limiter.admit(&"a", start), Some(0));
        assert_eq!(limiter.admit(&"a", start + Duration::from_secs(59)), None);
        assert_eq!(limiter.admit(&"b", start), Some(0));
        assert_eq!(limiter.admit(&"a", start + QUIET), Some(1));
        assert_eq!(limiter.admit(&"a", start + QUIET), None);
    }

    #[test]
    fn ever_new_kinds_do_not_fill_the_memory() {
        let limiter = Limiter::default();
        let start = Instant::now();
        let passed = (0..2 * MAX_KINDS).filter(|n| limiter.admit(n, start).is_some()).count();
        assert_eq!(passed, MAX_KINDS);
        assert_eq!(limiter.admit(&"later", start + QUIET), Some(0));
        assert_eq!(limiter.0.lock().unwrap().len(), 1);
    }
}
