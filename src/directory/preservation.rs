//! Self-preservation: when most of a service fails at once, the network between it and the gateway is the likelier
//! culprit. Its instances then keep taking calls and none is removed. It follows from the records alone, so that every
//! replica comes to the same answer, and it ends when the window has passed without new failures.

use super::Instance;
use crate::core::Timestamp;
use std::{collections::HashSet, sync::Arc, time::Duration};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preservation {
    /// More than this share of the instances must have failed within the window; 1 turns it off.
    pub share: f32,
    pub window: Duration,
}

/// Of fewer failures nothing can be concluded.
const LEAST: usize = 3;

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    all: usize,
    failed: usize,
}

impl Count {
    fn add(&mut self, has_failed: bool) {
        self.all += 1;
        self.failed += usize::from(has_failed);
    }

    fn is_suspicious(self, share: f32) -> bool {
        self.failed >= LEAST && self.failed as f32 > share * self.all as f32
    }
}

impl Preservation {
    /// The slugs that are to be preserved now.
    pub fn of<'a>(
        &self,
        instances: impl Iterator<Item = &'a Arc<Instance>>,
        now: Timestamp,
    ) -> HashSet<String> {
        let since = now.saturating_sub(self.window);
        let mut total = Count::default();
        let mut by_slug: std::collections::HashMap<&str, Count> = std::collections::HashMap::new();
        for one in instances {
            let has_failed = !one.status.takes_calls() && one.status_since > since;
            total.add(has_failed);
            by_slug.entry(&one.slug).or_default().add(has_failed);
        }
        let everywhere = total.is_suspicious(self.share);
        let is_hit = |count: &Count| count.is_suspicious(self.share) || (everywhere && count.failed > 0);
        by_slug.into_iter().filter(|(_, count)| is_hit(count)).map(|(slug, _)| slug.to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::id::UserId,
        directory::{Address, InstanceId, Owner, Status},
    };

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
    const RULE: Preservation = Preservation { share: 0.5, window: Duration::from_secs(120) };

    /// So many instances, of which the first ones failed so many seconds ago.
    fn service(slug: &str, all: usize, failed: usize, ago: u64) -> Vec<Arc<Instance>> {
        let make = |index| {
            let owner = Owner { user: UserId::new(NOW), email: "ada@example.com".to_owned() };
            let address = Address::from_url("http://web:8080").unwrap();
            let mut one = Instance::new(InstanceId::new(NOW), slug, address, owner, NOW);
            if index < failed {
                one.status = Status::Unreachable;
                one.status_since = NOW.saturating_sub(Duration::from_secs(ago));
            }
            Arc::new(one)
        };
        (0..all).map(make).collect()
    }

    fn preserved(services: &[Vec<Arc<Instance>>]) -> Vec<String> {
        let mut slugs: Vec<_> = RULE.of(services.iter().flatten(), NOW).into_iter().collect();
        slugs.sort();
        slugs
    }

    #[test]
    fn more_than_half_at_once_is_suspicious() {
        let quiet = service("quiet", 20, 0, 0);
        let with = |all, failed, ago| preserved(&[quiet.clone(), service("web", all, failed, ago)]);
        assert_eq!(with(5, 3, 10), ["web"]);
        assert!(with(6, 3, 10).is_empty(), "half is not more than half");
        assert!(with(2, 2, 10).is_empty(), "of two nothing can be concluded");
        assert!(with(5, 5, 120).is_empty(), "it ends when the window has passed");
        assert_eq!(with(5, 5, 119), ["web"]);
    }

    #[test]
    fn small_services_are_preserved_when_everything_fails() {
        let services =
            [service("a", 1, 1, 5), service("b", 1, 1, 5), service("c", 1, 1, 5), service("d", 1, 0, 0)];
        assert_eq!(preserved(&services), ["a", "b", "c"]);
    }

    #[test]
    fn a_share_of_one_turns_it_off() {
        let all = service("web", 9, 9, 1);
        assert!(Preservation { share: 1.0, ..RULE }.of(all.iter(), NOW).is_empty());
    }
}
