//! What of the configuration may change while the gateway serves, and how to reach it.

use super::services::Reach;
use crate::{
    api::RackName,
    audit::Audit,
    config::Config,
    core::{Live, SharedClock, rate_limit::RateLimiter},
    gateway::Settings,
    http::{FrontSettings, Hosts},
    listener::Certificate,
    upstream::Racks,
};
use std::sync::Arc;

#[derive(Debug)]
pub struct Handles {
    pub racks: Arc<Racks>,
    pub rack_names: Live<Vec<RackName>>,
    pub reach: Reach,
    pub pipeline: Live<Settings>,
    pub front: Live<FrontSettings>,
    /// One and the same, whatever else changes: what it has counted stays.
    pub limiter: Arc<RateLimiter>,
    pub certificate: Option<Arc<Certificate>>,
    pub audit: Audit,
    pub clock: SharedClock,
}

pub fn pipeline(config: &Config) -> Settings {
    Settings {
        max_form_bytes: config.limits.max_form_bytes,
        stream_idle: config.limits.stream_idle_timeout,
        secret_variables: config.access.secret_env_vars.clone(),
    }
}

pub fn front(config: &Config) -> FrontSettings {
    FrontSettings {
        trusted_proxies: config.limits.trusted_proxies.clone(),
        hosts: Hosts(config.identity.hosts.clone()),
    }
}
