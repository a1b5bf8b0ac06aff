//! The directory of services: which instances of which service there are, where they listen, and how they are.

mod address;
mod check;
mod guard;
mod health;
mod history;
mod host;
mod instance;
mod keeper;
pub mod node;
mod preservation;
mod probe;
mod registrar;
mod registration;
mod rounds;
mod share;
mod snapshot;
mod status;
mod tls;

pub use address::{Address, InvalidAddress, Parts, Scheme};
pub use check::{Check, CheckKind};
pub use guard::{AddressGuard, AddressRules, DialError, Forbidden, Resolve};
pub use history::{Compacted, Event};
pub use instance::{Instance, InstanceId, Owner, Reached};
pub use keeper::Keeper;
pub use preservation::Preservation;
pub use probe::Prober;
pub use registrar::{Beaten, Registered, Registrar};
pub use registration::{Actor, CheckWish, Reach, Refused, Registration};
pub use rounds::Rounds;
pub use snapshot::{Service, Snapshot};
pub use status::{NodeStatus, Status};
pub use tls::InstanceTls;

pub use crate::core::slug;

use crate::core::Timestamp;
use arc_swap::ArcSwap;
use history::History;
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
    history: History,
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

    /// At most `limit` events after `index`, in order.
    pub fn events_after(&self, index: u64, limit: usize) -> Result<Vec<Arc<Event>>, Compacted> {
        self.shared.history.after(index, limit)
    }

    fn empty() -> Self {
        Self::with(Snapshot::default())
    }

    fn with(snapshot: Snapshot) -> Self {
        let changed = watch::Sender::new(snapshot.index);
        let snapshot = ArcSwap::from_pointee(snapshot);
        Self { shared: Arc::new(Shared { snapshot, history: History::default(), changed }) }
    }

    /// Only the keeper publishes, one time after the other.
    fn publish(&self, snapshot: Snapshot, events: Vec<Arc<Event>>) {
        let index = snapshot.index;
        self.shared.history.push(events);
        self.shared.snapshot.store(Arc::new(snapshot));
        self.shared.changed.send_replace(index);
    }

    fn begin(&self, snapshot: Snapshot, forgotten: u64, events: Vec<Arc<Event>>) {
        self.shared.history.begin(forgotten);
        self.publish(snapshot, events);
    }

    /// The database knows of nothing newer.
    fn confirm(&self, at: Timestamp) {
        self.amend(|snapshot| snapshot.confirmed(at));
    }

    fn amend(&self, change: impl Fn(&Snapshot) -> Snapshot) {
        self.shared.snapshot.rcu(|snapshot| change(snapshot));
    }

    /// One that holds these, and that nothing feeds; see [`Directory::replace`].
    pub fn for_tests(instances: Vec<Instance>) -> Self {
        let index = instances.iter().map(|one| one.revision).max().unwrap_or_default();
        let taken_at = instances.iter().map(|one| one.updated_at).max().unwrap_or_default();
        Self::with(Snapshot::new(index, taken_at, instances.into_iter().map(Arc::new)))
    }

    /// For tests of those who ask: puts other instances in the place of all that there are.
    pub fn replace(&self, instances: Vec<Instance>) {
        let index = self.snapshot().index + 1;
        let taken_at = instances.iter().map(|one| one.updated_at).max().unwrap_or_default();
        self.publish(Snapshot::new(index, taken_at, instances.into_iter().map(Arc::new)), Vec::new());
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
        assert!(!snapshot.is_stale(snapshot.taken_at.saturating_add(Duration::from_secs(5))));
        assert!(snapshot.is_stale(snapshot.taken_at.saturating_add(Duration::from_secs(6))));
    }
}
