//! The keys that seal: configured, or in a file beside the embedded database.

use crate::{
    config::IdentityConfig,
    core::seal::Keys,
    store::{Db, StoreResult, key_beside, known_key_beside},
};

/// `None` when there is none: PostgreSQL without `APP_SECRET_KEY`. A key file opens what it sealed also after a key
/// was configured.
pub fn keys(config: &IdentityConfig, db: &Db) -> StoreResult<Option<Keys>> {
    let mut previous: Vec<_> = config.app_secret_key_previous.iter().cloned().collect();
    let Some(current) = &config.app_secret_key else {
        return Ok(key_beside(db)?.map(|current| Keys::new(&current, &previous)));
    };
    previous.extend(known_key_beside(db)?);
    Ok(Some(Keys::new(current, &previous)))
}
