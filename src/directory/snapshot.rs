//! All that is registered, as of one moment. Read without a lock, replaced as a whole.

use super::{Instance, InstanceId};
use crate::core::Timestamp;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

/// A snapshot that has not been confirmed for so long may be out of date.
const STALE: Duration = Duration::from_secs(5);

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

    /// The next one: with these put in, or taken out where there is none.
    pub(super) fn with(
        &self,
        index: u64,
        taken_at: Timestamp,
        changed: &HashMap<InstanceId, Option<Arc<Instance>>>,
    ) -> Self {
        let (mut by_id, mut services) = (HashMap::clone(&self.by_id), HashMap::clone(&self.services));
        for (id, instance) in changed {
            if let Some(before) = by_id.remove(id) {
                leave(&mut services, &before);
            }
            if let Some(instance) = instance {
                enter(&mut services, instance);
                by_id.insert(id.clone(), instance.clone());
            }
        }
        Self { index, taken_at, services: Arc::new(services), by_id: Arc::new(by_id) }
    }

    /// The same, a moment later.
    pub(super) fn confirmed(&self, taken_at: Timestamp) -> Self {
        Self { taken_at, ..self.clone() }
    }

    /// The same with these services preserved and no others.
    pub(super) fn preserving(&self, slugs: &HashSet<String>) -> Self {
        let wrong = |service: &&Arc<Service>| service.preserved != slugs.contains(&service.slug);
        let wrong: Vec<_> = self.services.values().filter(wrong).cloned().collect();
        if wrong.is_empty() {
            return self.clone();
        }
        let mut services = HashMap::clone(&self.services);
        for service in wrong {
            let turned = Service { preserved: !service.preserved, ..Service::clone(&service) };
            services.insert(service.slug.clone(), Arc::new(turned));
        }
        Self { services: Arc::new(services), ..self.clone() }
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

    pub fn instances(&self) -> impl ExactSizeIterator<Item = &Arc<Instance>> {
        self.by_id.values()
    }

    pub fn is_stale(&self, now: Timestamp) -> bool {
        now.since(self.taken_at) > STALE
    }
}

fn enter(services: &mut HashMap<String, Arc<Service>>, instance: &Arc<Instance>) {
    let service = Arc::make_mut(services.entry(instance.slug.clone()).or_default());
    service.slug.clone_from(&instance.slug);
    let at = service.instances.partition_point(|one| one.id < instance.id);
    service.instances.insert(at, instance.clone());
}

fn leave(services: &mut HashMap<String, Arc<Service>>, instance: &Instance) {
    let Some(service) = services.get_mut(&instance.slug) else { return };
    let left = Arc::make_mut(service);
    left.instances.retain(|one| one.id != instance.id);
    if left.instances.is_empty() {
        services.remove(&instance.slug);
    }
}
