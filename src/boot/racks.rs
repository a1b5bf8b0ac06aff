//! From the configured racks to the ones that can be called.

use super::{
    BootError,
    services::{self, Reach},
};
use crate::{
    api::RackName,
    config::{Config, RackConfig, RackTrust},
    upstream::{Rack, RackAddress, RackError, Racks, SERVICE, Silence, Trust},
};
use std::sync::Arc;

/// How the racks are known, the default one first.
pub fn names(config: &Config) -> Vec<RackName> {
    let host = |rack: &RackConfig| rack.url.host_str().unwrap_or_default().to_owned();
    let name =
        |rack: &RackConfig| RackName { name: rack.name.clone(), alias: rack.alias.clone(), host: host(rack) };
    config.racks.iter().map(name).collect()
}

/// The default one first.
type Opened = (Arc<Rack>, Vec<Arc<Rack>>);

pub fn racks(config: &Config, reach: &Reach) -> Result<Racks, BootError> {
    let (default, others) = opened(config.racks.iter().map(|rack| open(config, rack, reach).map(Arc::new)))?;
    Ok(Racks::new(default, others))
}

/// The racks of `config` in place of those of `before`. What has not changed keeps its connections. On an error
/// nothing has been replaced.
pub fn changed(config: &Config, before: &Config, racks: &Racks, reach: &Reach) -> Result<Opened, BootError> {
    let kept = |rack: &RackConfig| {
        let same_limits = config.limits.upstream_connect_timeout == before.limits.upstream_connect_timeout
            && config.limits.upstream_idle_timeout == before.limits.upstream_idle_timeout;
        let was = before.racks.iter().find(|was| was.name == rack.name)?;
        // What stands in a file of authorities is not known here.
        let same = same_limits && was.same_as(rack) && !matches!(rack.trust, RackTrust::CaFile(_));
        racks.named(&rack.name).filter(|_| same)
    };
    opened(config.racks.iter().map(|rack| match kept(rack) {
        Some(kept) => Ok(kept),
        None => open(config, rack, reach).map(Arc::new),
    }))
}

fn opened(mut racks: impl Iterator<Item = Result<Arc<Rack>, BootError>>) -> Result<Opened, BootError> {
    let default = racks.next().ok_or(BootError::NoRack)??;
    Ok((default, racks.collect::<Result<_, _>>()?))
}

fn open(config: &Config, rack: &RackConfig, reach: &Reach) -> Result<Rack, BootError> {
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
        let services = services::behind(config, &address.trust, silence.0, reach)
            .map_err(|source| RackError::Trust { rack: rack.name.clone(), source })?;
        return Ok(Rack::of_service(&address, services, silence)?);
    }
    Ok(Rack::new(&address, limits.upstream_connect_timeout, silence)?)
}
