//! The directory of services: which instances of which service there are, where they listen, and how they are.

mod address;
mod check;
mod guard;
mod host;
mod instance;
mod snapshot;
mod status;

pub use address::{Address, InvalidAddress, Parts, Scheme};
pub use check::{Check, CheckKind};
pub use guard::{AddressGuard, AddressRules, DialError, Forbidden, Resolve};
pub use instance::{Instance, InstanceId, Owner};
pub use snapshot::{Service, Snapshot};
pub use status::{NodeStatus, Status};

use arc_swap::ArcSwap;
use std::sync::Arc;
use tokio::sync::watch;

/// What is registered, for those who ask in this process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Directory {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    snapshot: ArcSwap<Snapshot>,
    changed: watch::Sender<u64>,
}

impl Directory {
    /// As of now, without a lock.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.snapshot.load_full()
    }

    /// The index of the last event that the snapshot holds.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    /// One that holds these, and that nothing feeds; see [`Directory::replace`].
    pub fn for_tests(instances: Vec<Instance>) -> Self {
        let index = instances.iter().map(|one| one.revision).max().unwrap_or_default();
        let taken_at = instances.iter().map(|one| one.updated_at).max().unwrap_or_default();
        let snapshot = Snapshot::new(index, taken_at, instances.into_iter().map(Arc::new));
        let shared = Shared { snapshot: ArcSwap::from_pointee(snapshot), changed: watch::Sender::new(index) };
        Self { shared: Arc::new(shared) }
    }

    /// For tests of those who ask: puts other instances in the place of all that there are.
    pub fn replace(&self, instances: Vec<Instance>) {
        let index = self.snapshot().index + 1;
        let taken_at = instances.iter().map(|one| one.updated_at).max().unwrap_or_default();
        let snapshot = Snapshot::new(index, taken_at, instances.into_iter().map(Arc::new));
        self.shared.snapshot.store(Arc::new(snapshot));
        self.shared.changed.send_replace(index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Timestamp, id::UserId};
    use std::time::Duration;

    fn instance(id: &str, slug: &str) -> Instance {
        let now = Timestamp::from_micros(1_000_000);
        let owner = Owner { user: UserId::new(now), email: "ada@example.com".to_owned() };
        let address = Address::from_url("http://web:8080").unwrap();
        Instance::new(InstanceId::parse(id).unwrap(), slug, address, owner, now)
    }

    #[test]
    fn services_are_found_by_slug_and_instances_by_id() {
        let directory = Directory::for_tests(vec![
            instance("inst_2", "web"),
            instance("inst_1", "web"),
            instance("inst_3", "billing"),
        ]);
        let snapshot = directory.snapshot();
        let web = snapshot.service("web").unwrap();
        let ids: Vec<_> = web.instances.iter().map(|one| one.id.as_str()).collect();
        assert_eq!((ids, web.preserved), (vec!["inst_1", "inst_2"], false));
        assert!(snapshot.service("").is_none());
        assert_eq!(snapshot.services().count(), 2);
        assert_eq!(snapshot.instance(&InstanceId::parse("inst_3").unwrap()).unwrap().slug, "billing");
    }

    #[tokio::test]
    async fn those_who_hold_an_old_snapshot_hear_of_a_new_one() {
        let directory = Directory::for_tests(vec![instance("inst_1", "web")]);
        let (old, mut changed) = (directory.snapshot(), directory.changed());
        directory.replace(Vec::new());
        changed.changed().await.unwrap();
        assert!(old.service("web").is_some() && directory.snapshot().service("web").is_none());
    }

    #[test]
    fn a_snapshot_that_nobody_confirms_grows_stale() {
        let snapshot = Directory::for_tests(vec![instance("inst_1", "web")]).snapshot();
        assert!(!snapshot.is_stale(snapshot.taken_at.saturating_add(Duration::from_secs(10))));
        assert!(snapshot.is_stale(snapshot.taken_at.saturating_add(Duration::from_secs(11))));
    }
}
