//! How far our clock is from a rack's, as its answers tell by the way. A rack with a wrong clock rejects certificates and
//! tokens, and so do we when ours is wrong; nothing else says so.

use crate::{core::Timestamp, observe::metrics::catalogue::CLOCK_SKEW};
use http::{HeaderMap, header::DATE};
use metrics::Gauge;
use std::{
    sync::atomic::{AtomicI64, Ordering::Relaxed},
    time::UNIX_EPOCH,
};

/// Between two looks, in microseconds: reading a date costs more than a request should pay each time.
const PAUSE: i64 = 5_000_000;
/// `Date` counts whole seconds, so on the average the truth is this much later.
const HALF_A_SECOND: i64 = 500_000;

pub(super) struct Skew {
    gauge: Gauge,
    looked_at: AtomicI64,
}

impl std::fmt::Debug for Skew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Skew")
    }
}

impl Skew {
    pub fn of(rack: &str) -> Self {
        let gauge = metrics::gauge!(CLOCK_SKEW, "source" => format!("rack/{rack}"));
        Self { gauge, looked_at: AtomicI64::new(i64::MIN) }
    }

    /// Looks at an answer that came just now, unless one was looked at a moment ago.
    pub fn look(&self, headers: &HeaderMap, now: Timestamp) {
        let (now, last) = (now.as_micros(), self.looked_at.load(Relaxed));
        if (0..PAUSE).contains(&now.saturating_sub(last)) {
            return;
        }
        self.looked_at.store(now, Relaxed);
        if let Some(ahead) = ahead(headers, now) {
            self.gauge.set(ahead);
        }
    }
}

/// Seconds that `now` is ahead of the answer's date.
fn ahead(headers: &HeaderMap, now: i64) -> Option<f64> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    let theirs = i64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_micros()).ok()?;
    Some(now.saturating_sub(theirs + HALF_A_SECOND) as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_difference_is_told_and_nonsense_is_not() {
        // Sun, 06 Nov 1994 08:49:37 GMT is 784111777.
        let ahead_of = |date: &'static str, now: i64| {
            ahead(&HeaderMap::from_iter([(DATE, HeaderValue::from_static(date))]), now)
        };
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(ahead_of(date, 784_111_777_500_000), Some(0.0));
        assert_eq!(ahead_of(date, 784_111_807_500_000), Some(30.0));
        assert_eq!(ahead_of(date, 784_111_747_500_000), Some(-30.0));
        assert_eq!(ahead_of("yesterday", 0), None);
        assert_eq!(ahead_of("Sun, 06 Nov 1894 08:49:37 GMT", 0), None);
        assert_eq!(ahead(&HeaderMap::new(), 0), None);
    }
}
