//! Second factors, with the key that seals them and the website that passkeys belong to.

use super::BootError;
use crate::{
    audit::Audit,
    config::IdentityConfig,
    identity::mfa::{self, Mfa, Site},
    notify::mail::Mailer,
    store::Db,
};
use std::sync::Arc;

pub(super) async fn factors(
    config: &IdentityConfig,
    db: &Db,
    audit: &Audit,
    mailer: &Mailer,
) -> Result<Mfa, BootError> {
    let keys = mfa::keys(config, db).await.map_err(BootError::Database)?;
    if keys.is_none() {
        tracing::warn!("second factors are off: set APP_SECRET_KEY, the same for all replicas");
    }
    let origin = config.webauthn_origin.as_ref().map(|url| url.origin());
    let site = Site::new(&config.public_url, config.webauthn_rp_id.as_deref(), origin);
    Ok(Mfa::new(db.clone(), audit.clone(), keys, &site, Arc::new(mailer.clone())))
}
