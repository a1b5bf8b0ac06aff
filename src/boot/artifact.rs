//! The artifact registry behind the gateway, when the configuration names one.

use super::{
    BootError,
    services::{self, Reach},
};
use crate::{
    config::{ArtifactConfig, Config},
    gateway::artifact::Uploads,
    policy::{Permission, Public},
    upstream::{ArtifactAddress, ArtifactServer, SERVICE, Silence, Trust},
};

pub fn server(
    config: &Config,
    artifact: &ArtifactConfig,
    reach: &Reach,
) -> Result<ArtifactServer, BootError> {
    let trust = artifact.ca_file.clone().map_or(Trust::System, Trust::Authority);
    let address = ArtifactAddress { url: artifact.url.clone(), token: artifact.token.clone(), trust };
    let limits = &config.limits;
    let silence = Silence(limits.upstream_idle_timeout);
    if address.url.scheme() == SERVICE {
        let services = services::behind(config, &address.trust, silence.0, reach);
        return Ok(ArtifactServer::of_service(&address, services.map_err(BootError::Artifact)?, silence)?);
    }
    Ok(ArtifactServer::new(&address, limits.upstream_connect_timeout, silence)?)
}

/// What anybody may read.
pub fn public(artifact: &ArtifactConfig) -> Public {
    let patterns = artifact.public.iter().filter_map(|pattern| format!("artifact:{pattern}").parse().ok());
    Public::new([Permission::ArtifactRead], patterns)
}

pub fn uploads(artifact: &ArtifactConfig) -> Uploads {
    let directory = artifact.spool_dir.clone().unwrap_or_else(std::env::temp_dir);
    Uploads::new(directory, artifact.max_upload)
}
