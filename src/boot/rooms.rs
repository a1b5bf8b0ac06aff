//! The rooms behind the front door, furnished.

use super::{BootError, artifact, jobs, registry, services, services::Reach};
use crate::{
    audit::Audit,
    config::Config,
    core::{Live, SharedClock, drain::Drain},
    gateway::{
        Pipeline, Settings,
        artifact::ArtifactPipeline,
        registry::{Measures, RegistryPipeline},
        service::ServicePipeline,
    },
    identity::{Entrance, step_up::StepUp},
    registry::Backend,
    store::Db,
    upstream::{Racks, Services},
};
use std::sync::Arc;

/// What all rooms have.
#[derive(Clone, Debug)]
pub struct Common {
    pub audit: Audit,
    pub entrance: Entrance,
    pub step_up: StepUp,
    pub clock: SharedClock,
    pub drain: Drain,
}

impl Common {
    pub fn racks(&self, racks: Arc<Racks>, settings: Live<Settings>) -> Pipeline {
        let Self { audit, entrance, step_up, clock, drain } = self.clone();
        Pipeline { audit, entrance, step_up, racks, clock, settings, drain }
    }

    pub fn services(&self, config: &Config, services: Services) -> ServicePipeline {
        let Self { audit, entrance, step_up, clock, drain } = self.clone();
        ServicePipeline {
            audit,
            entrance,
            step_up,
            services: Arc::new(services),
            identity: services::identity(config, &clock),
            clock,
            drain,
            stream_idle: config.limits.stream_idle_timeout,
        }
    }

    pub fn registry(&self, config: &Config, backend: Arc<dyn Backend>, db: Db) -> RegistryPipeline {
        let Self { audit, entrance, step_up, clock, .. } = self.clone();
        RegistryPipeline {
            audit,
            entrance,
            step_up,
            backend,
            tickets: registry::tickets(config, &clock),
            public: registry::public(config),
            public_url: config.identity.public_url.clone(),
            webhooks: jobs::webhooks(config, &db, &clock),
            db,
            clock,
            measures: Measures::default(),
        }
    }

    pub fn artifact(&self, config: &Config, reach: &Reach) -> Result<Option<ArtifactPipeline>, BootError> {
        let Some(artifact) = &config.artifact else { return Ok(None) };
        let Self { audit, entrance, step_up, clock, .. } = self.clone();
        Ok(Some(ArtifactPipeline {
            audit,
            entrance,
            step_up,
            clock,
            server: Arc::new(artifact::server(config, artifact, reach)?),
            public: artifact::public(artifact),
            uploads: artifact::uploads(artifact),
        }))
    }
}
