//! Whom the gateway believes to be an instance of a service. The operator says so, for all services or for one by its slug;
//! what somebody registers has no say in it.

use rustls::ClientConfig;
use std::{collections::HashMap, fmt, sync::Arc};

/// Cheap to clone.
#[derive(Clone)]
pub struct InstanceTls {
    usual: Arc<ClientConfig>,
    by_slug: Arc<HashMap<String, Arc<ClientConfig>>>,
}

impl InstanceTls {
    /// `own` are those of single services, by slug.
    pub fn new(usual: ClientConfig, own: HashMap<String, Arc<ClientConfig>>) -> Self {
        Self { usual: Arc::new(usual), by_slug: Arc::new(own) }
    }

    pub fn of(&self, slug: &str) -> Arc<ClientConfig> {
        self.by_slug.get(slug).unwrap_or(&self.usual).clone()
    }
}

impl From<ClientConfig> for InstanceTls {
    fn from(usual: ClientConfig) -> Self {
        Self::new(usual, HashMap::new())
    }
}

impl fmt::Debug for InstanceTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstanceTls").field("own", &self.by_slug.keys()).finish_non_exhaustive()
    }
}
