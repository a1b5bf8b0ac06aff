//! Calls of services: the way to them, and the statement of who calls.

use super::BootError;
use crate::{
    config::{Config, Timeouts},
    core::SharedClock,
    directory::{AddressGuard, Directory},
    gateway::service::ServiceIdentity,
    upstream::{EjectionRules, RackAddress, RackError, ServiceLimits, ServiceSettings, Services, Trust},
};
use std::{collections::HashMap, sync::Arc};

/// Of a hundred instances of a service.
const EJECTED_AT_MOST: u8 = 50;

/// How instances are found and dialled.
#[derive(Clone, Debug)]
pub struct Reach {
    pub directory: Directory,
    pub guard: AddressGuard,
}

pub fn services(config: &Config, reach: &Reach) -> Result<Services, BootError> {
    let trust = config.services.ca_file.clone().map_or(Trust::System, Trust::Authority);
    let tls = trust.client_config().map_err(BootError::Services)?;
    let Reach { directory, guard } = reach.clone();
    Ok(Services::new(directory, guard, Arc::new(tls), settings(config)))
}

/// The way to a rack that registers itself. Where its certificate is named, instances without TLS are not it.
pub fn of_rack(config: &Config, rack: &RackAddress, reach: &Reach) -> Result<Services, BootError> {
    let failed = |source| BootError::Rack(RackError::Trust { rack: rack.name.clone(), source });
    let tls = rack.trust.client_config().map_err(failed)?;
    let limits = ServiceLimits {
        connect: config.limits.upstream_connect_timeout,
        response: config.limits.upstream_idle_timeout,
        idle: config.limits.upstream_idle_timeout,
    };
    let settings = ServiceSettings { limits, by_slug: HashMap::new(), ..settings(config) };
    let Reach { directory, guard } = reach.clone();
    let services = Services::new(directory, guard, Arc::new(tls), settings);
    Ok(if rack.trust == Trust::System { services } else { services.over_tls() })
}

fn settings(config: &Config) -> ServiceSettings {
    let services = &config.services;
    let own = services.own_timeouts.iter().map(|(slug, timeouts)| (slug.clone(), limits(*timeouts)));
    ServiceSettings {
        limits: limits(services.timeouts),
        by_slug: own.collect(),
        ejection: EjectionRules {
            after: services.eject_after,
            span: services.eject_time,
            share: EJECTED_AT_MOST,
        },
    }
}

const fn limits(timeouts: Timeouts) -> ServiceLimits {
    ServiceLimits { connect: timeouts.connect, response: timeouts.response, idle: timeouts.idle }
}

/// Services ask any replica for the key, so all sign with one that is made of the key that they share. Without one,
/// each process has its own, and its public half is what this process publishes.
pub fn identity(config: &Config, clock: &SharedClock) -> ServiceIdentity {
    let issuer = config.identity.public_url.clone();
    match &config.identity.app_secret_key {
        Some(key) => ServiceIdentity::new(key.expose().as_bytes(), issuer, clock.clone()),
        None => ServiceIdentity::new(&rand::random::<[u8; 32]>(), issuer, clock.clone()),
    }
}
