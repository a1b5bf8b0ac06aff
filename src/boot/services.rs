//! Calls of services: the way to them, and the statement of who calls.

use super::BootError;
use crate::{
    config::{Config, ServiceTrust, Timeouts},
    core::SharedClock,
    directory::{AddressGuard, Directory, InstanceTls},
    gateway::service::ServiceIdentity,
    upstream::{EjectionRules, ServiceLimits, ServiceSettings, Services, Trust, TrustError},
};
use std::{collections::HashMap, sync::Arc, time::Duration};

/// Of a hundred instances of a service.
const EJECTED_AT_MOST: u8 = 50;

/// How instances are found and dialled.
#[derive(Clone, Debug)]
pub struct Reach {
    pub directory: Directory,
    pub guard: AddressGuard,
}

pub fn services(config: &Config, reach: &Reach) -> Result<Services, BootError> {
    let Reach { directory, guard } = reach.clone();
    Ok(Services::new(directory, guard, tls(config)?, settings(config)))
}

/// Whom instances must prove to be, when they are called and when they are looked at.
pub fn tls(config: &Config) -> Result<InstanceTls, BootError> {
    let services = &config.services;
    let usual = services.ca_file.clone().map_or(Trust::System, Trust::Authority);
    let own = services.trust.iter().map(|(slug, trust)| {
        let trust = match trust {
            ServiceTrust::CaFile(path) => Trust::Authority(path.clone()),
            ServiceTrust::PinSha256(pin) => Trust::Pin(*pin),
        };
        Ok((slug.clone(), Arc::new(trust.client_config()?)))
    });
    let own = own.collect::<Result<_, TrustError>>().map_err(BootError::Services)?;
    Ok(InstanceTls::new(usual.client_config().map_err(BootError::Services)?, own))
}

/// The way to something behind the gateway that registers itself and may be silent for `silence`. Where its certificate
/// is named, instances without TLS are not it.
pub fn behind(
    config: &Config,
    trust: &Trust,
    silence: Duration,
    reach: &Reach,
) -> Result<Services, TrustError> {
    let tls = trust.client_config()?;
    let connect = config.limits.upstream_connect_timeout;
    let limits = ServiceLimits { connect, response: silence, idle: silence };
    let settings = ServiceSettings { limits, by_slug: HashMap::new(), ..settings(config) };
    let Reach { directory, guard } = reach.clone();
    let services = Services::new(directory, guard, tls, settings);
    Ok(if *trust == Trust::System { services } else { services.over_tls() })
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
