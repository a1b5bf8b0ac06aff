//! From the configured racks to the ones that can be called.

use super::BootError;
use crate::{
    api::RackName,
    config::{Config, RackConfig, RackTrust},
    upstream::{Rack, RackAddress, Racks, Silence, Trust},
};
use std::sync::Arc;

/// How the racks are known, the default one first.
pub fn names(config: &Config) -> Arc<[RackName]> {
    let host = |rack: &RackConfig| rack.url.host_str().unwrap_or_default().to_owned();
    let name =
        |rack: &RackConfig| RackName { name: rack.name.clone(), alias: rack.alias.clone(), host: host(rack) };
    config.racks.iter().map(name).collect()
}

pub fn racks(config: &Config) -> Result<Racks, BootError> {
    let mut racks = config.racks.iter().map(|rack| open(config, rack));
    let default = racks.next().ok_or(BootError::NoRack)??;
    Ok(Racks::new(default, racks.collect::<Result<Vec<_>, _>>()?))
}

fn open(config: &Config, rack: &RackConfig) -> Result<Rack, BootError> {
    let address = RackAddress {
        name: rack.name.clone(),
        url: rack.url.clone(),
        username: rack.username.clone(),
        password: rack.password.clone(),
        trust: match &rack.trust {
            RackTrust::System => Trust::System,
            RackTrust::CaFile(path) => Trust::Authority(path.clone()),
            RackTrust::PinSha256(pin) => Trust::Pin(*pin),
        },
    };
    let limits = &config.limits;
    Ok(Rack::new(&address, limits.upstream_connect_timeout, Silence(limits.upstream_idle_timeout))?)
}
