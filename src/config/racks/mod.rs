//! The racks the gateway stands in front of, and how each proves itself.

mod address;
mod read;

use crate::core::Secret;
use std::path::PathBuf;
use url::Url;

pub(super) use address::parse_pin;
pub(super) use read::read;

/// What is said where there is none and one is needed.
pub const NO_RACK: &str =
    "no rack is configured; set RACK_HOST and RACK_TOKEN, or write [racks.NAME] in the configuration file";

/// All racks; none is allowed, one of several is the default.
#[derive(Debug, Clone, Default)]
pub struct RackConfigs {
    /// The default one first, then by name.
    racks: Vec<RackConfig>,
}

impl RackConfigs {
    /// The rack behind `/api/v1/rack-proxy`.
    pub fn default_rack(&self) -> Option<&RackConfig> {
        self.racks.first()
    }

    /// By name or alias.
    pub fn get(&self, name: &str) -> Option<&RackConfig> {
        self.racks.iter().find(|rack| rack.name == name || rack.alias.as_deref() == Some(name))
    }

    /// The default one first, then by name.
    pub fn iter(&self) -> impl Iterator<Item = &RackConfig> {
        self.racks.iter()
    }

    pub fn len(&self) -> usize {
        self.racks.len()
    }

    pub fn is_empty(&self) -> bool {
        self.racks.is_empty()
    }
}

#[derive(Debug, Clone)]
pub struct RackConfig {
    /// `[a-z0-9-]{1,40}`
    pub name: String,
    /// A second name, of the same form.
    pub alias: Option<String>,
    pub display_name: String,
    /// `http` or `https`, without credentials, query and fragment; the path may hold a prefix, which then
    /// does not end in `/`.
    pub url: Url,
    pub username: String,
    pub password: Secret,
    pub trust: RackTrust,
}

impl RackConfig {
    /// Whether both lead to one rack in one way.
    pub fn same_as(&self, other: &Self) -> bool {
        let address = |rack: &Self| (rack.name.clone(), rack.url.clone(), rack.username.clone());
        address(self) == address(other)
            && self.trust == other.trust
            && self.password.matches(other.password.expose())
    }
}

/// How the certificate of a rack is verified. There is no way not to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RackTrust {
    /// By the authorities the operating system trusts, and the host name.
    System,
    /// By the authorities in this PEM file, and the host name.
    CaFile(PathBuf),
    /// By the SHA-256 of the rack's own certificate in DER; authorities and name do not matter.
    PinSha256([u8; 32]),
}

#[cfg(test)]
mod tests;
