//! From the configured racks to the ones that can be called.

use super::{BootError, services};
use crate::{
    api::RackName,
    config::{Config, RackConfig, RackTrust},
    directory::{AddressGuard, Directory},
    upstream::{Rack, RackAddress, Racks, SERVICE, Silence, Trust},
};
use std::sync::Arc;

/// How the racks are known, the default one first.
pub fn names(config: &Config) -> Arc<[RackName]> {
    let host = |rack: &RackConfig| rack.url.host_str().unwrap_or_default().to_owned();
    let name =
        |rack: &RackConfig| RackName { name: rack.name.clone(), alias: rack.alias.clone(), host: host(rack) };
    config.racks.iter().map(name).collect()
}

pub fn racks(config: &Config, directory: &Directory, guard: &AddressGuard) -> Result<Racks, BootError> {
    let mut racks = config.racks.iter().map(|rack| open(config, rack, directory, guard));
    let default = racks.next().ok_or(BootError::NoRack)??;
    Ok(Racks::new(default, racks.collect::<Result<Vec<_>, _>>()?))
}

fn open(
    config: &Config,
    rack: &RackConfig,
    directory: &Directory,
    guard: &AddressGuard,
) -> Result<Rack, BootError> {
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
    let silence = Silence(limits.upstream_idle_timeout);
    if address.url.scheme() == SERVICE {
        let (directory, guard) = (directory.clone(), guard.clone());
        let services = services::of_rack(config, &address, directory, guard)?;
        return Ok(Rack::of_service(&address, services, silence)?);
    }
    Ok(Rack::new(&address, limits.upstream_connect_timeout, silence)?)
}
