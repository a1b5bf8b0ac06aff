//! Second factors: the key that seals them, and the site that passkeys belong to.

use super::BootError;
use crate::{
    audit::Audit,
    config::Config,
    core::seal::Keys,
    identity::mfa::{Mfa, Site},
    store::{Db, key_beside},
};

pub fn mfa(config: &Config, db: &Db, audit: &Audit) -> Result<Mfa, BootError> {
    let identity = &config.identity;
    let key = match &identity.app_secret_key {
        Some(key) => Some(key.clone()),
        None => key_beside(db).map_err(BootError::Database)?,
    };
    if key.is_none() {
        tracing::warn!("second factors cannot be enrolled: set APP_SECRET_KEY, the same on every replica");
    }
    let keys = key.map(|key| Keys::new(&key, identity.app_secret_key_previous.as_slice()));
    let site = Site::new(&identity.public_url, None, None);
    Ok(Mfa::new(db.clone(), audit.clone(), keys, &site))
}
