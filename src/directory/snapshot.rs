//! All that is registered, as of one moment. Read without a lock, replaced as a whole.

use super::{Instance, InstanceId};
use crate::core::Timestamp;
use std::{collections::HashMap, sync::Arc, time::Duration};

/// A snapshot that has not been confirmed for so long may be out of date.
const STALE: Duration = Duration::from_secs(10);

/// The instances that are registered under one slug.
#[derive(Clone, Debug, Default)]
pub struct Service {
    pub slug: String,
    /// So many of its instances failed at once that their status is not to be believed: calls go to all of them, and
    /// none is removed.
    pub preserved: bool,
    /// By id.
    pub instances: Vec<Arc<Instance>>,
}

#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The last event that is in it.
    pub index: u64,
    /// When the database last said that nothing is newer.
    pub taken_at: Timestamp,
    services: Arc<HashMap<String, Arc<Service>>>,
    by_id: Arc<HashMap<InstanceId, Arc<Instance>>>,
}

impl Snapshot {
    pub(super) fn new(
        index: u64,
        taken_at: Timestamp,
        instances: impl IntoIterator<Item = Arc<Instance>>,
    ) -> Self {
        let mut by_id = HashMap::new();
        let mut services: HashMap<String, Service> = HashMap::new();
        for instance in instances {
            let service = services.entry(instance.slug.clone()).or_default();
            service.slug.clone_from(&instance.slug);
            service.instances.push(instance.clone());
            by_id.insert(instance.id.clone(), instance);
        }
        for service in services.values_mut() {
            service.instances.sort_by(|a, b| a.id.cmp(&b.id));
        }
        let services = services.into_iter().map(|(slug, service)| (slug, Arc::new(service))).collect();
        Self { index, taken_at, services: Arc::new(services), by_id: Arc::new(by_id) }
    }

    pub fn service(&self, slug: &str) -> Option<&Arc<Service>> {
        self.services.get(slug)
    }

    pub fn services(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.services.values()
    }

    pub fn instance(&self, id: &InstanceId) -> Option<&Arc<Instance>> {
        self.by_id.get(id)
    }

    pub fn instances(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.by_id.values()
    }

    pub fn is_stale(&self, now: Timestamp) -> bool {
        now.since(self.taken_at) > STALE
    }
}
