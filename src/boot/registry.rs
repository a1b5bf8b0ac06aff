//! The container registry, when the configuration asks for one.

use super::BootError;
use crate::{
    config::Config,
    core::SharedClock,
    gateway::registry::{Public, Tickets},
    registry::{
        Backend, Embedded, Observed,
        embedded::{Collection, Options},
    },
};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

pub struct Registry {
    embedded: Embedded,
    pub backend: Arc<dyn Backend>,
    collection: Option<(Duration, Collection)>,
}

pub async fn registry(config: &Config, clock: &SharedClock) -> Result<Option<Registry>, BootError> {
    let Some(options) = Options::of(&config.registry) else { return Ok(None) };
    let embedded = Embedded::open(options, clock.clone()).await?;
    let garbage = &config.registry.garbage;
    let collection = garbage.interval.map(|interval| (interval, Collection::from(garbage)));
    let backend = Arc::new(Observed::new(embedded.clone()));
    Ok(Some(Registry { embedded, backend, collection }))
}

impl Registry {
    /// Collects garbage until `stop`.
    pub async fn keep_clean(self, stop: CancellationToken) {
        let Some((interval, collection)) = self.collection else { return };
        stop.run_until_cancelled(self.embedded.keep_collecting(interval, &collection)).await;
    }
}

/// Repositories that anybody may pull from.
pub fn public(config: &Config) -> Public {
    let patterns = config.registry.public.iter().filter_map(|pattern| format!("repo:{pattern}").parse().ok());
    Public::new(&patterns.collect::<Vec<_>>())
}

/// Tickets of one replica are shown to others, so they are signed with the key that all share. Without one, each
/// process makes its own, and clients ask again when they meet another.
pub fn tickets(config: &Config, clock: &SharedClock) -> Tickets {
    match &config.identity.app_secret_key {
        Some(key) => Tickets::new(key.expose().as_bytes(), clock.clone()),
        None => Tickets::new(&rand::random::<[u8; 32]>(), clock.clone()),
    }
}
