//! Second factors, with the key that seals them: configured, or in a file beside the embedded database.

use super::BootError;
use crate::{
    audit::Audit,
    config::IdentityConfig,
    core::seal::Keys,
    identity::mfa::{Mfa, Site},
    store::{Db, key_beside},
};

pub(super) fn factors(config: &IdentityConfig, db: &Db, audit: &Audit) -> Result<Mfa, BootError> {
    let keys = keys(config, db)?;
    if keys.is_none() {
        tracing::warn!("second factors are off: set APP_SECRET_KEY, the same for all replicas");
    }
    let origin = config.webauthn_origin.as_ref().map(|url| url.origin());
    let site = Site::new(&config.public_url, config.webauthn_rp_id.as_deref(), origin);
    Ok(Mfa::new(db.clone(), audit.clone(), keys, &site))
}

fn keys(config: &IdentityConfig, db: &Db) -> Result<Option<Keys>, BootError> {
    let previous: Vec<_> = config.app_secret_key_previous.iter().cloned().collect();
    if let Some(current) = &config.app_secret_key {
        return Ok(Some(Keys::new(current, &previous)));
    }
    let beside = key_beside(db).map_err(BootError::Database)?;
    Ok(beside.map(|current| Keys::new(&current, &previous)))
}
