//! When to speak next: agents of a gateway that comes back must not all speak at once.

use std::time::Duration;

/// Waits that grow while a gateway is away.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

impl Backoff {
    pub fn next(&mut self) -> Duration {
        let wait = FIRST.saturating_mul(1 << self.failures.min(6)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        wait
    }
}

/// Up to a fifth shorter.
pub fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(1.0 - 0.2 * rand::random::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_an_end() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = std::iter::repeat_with(|| backoff.next().as_secs()).take(8).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
    }

    #[test]
    fn jitter_shortens_a_little() {
        let ten = Duration::from_secs(10);
        let waits: Vec<_> = std::iter::repeat_with(|| jittered(ten)).take(200).collect();
        assert!(waits.iter().all(|wait| (Duration::from_secs(8)..=ten).contains(wait)));
        assert!(waits.iter().any(|wait| *wait < Duration::from_secs(9)));
    }
}
