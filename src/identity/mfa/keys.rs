//! The keys that seal: configured, or in a file beside the embedded database.

use crate::{
    config::IdentityConfig,
    core::{Secret, seal::Keys},
    store::{Db, StoreResult, key_beside, known_key_beside},
};

/// `None` when there is none: PostgreSQL without `APP_SECRET_KEY`. A key file opens what it sealed also after a key
/// was configured.
pub async fn keys(config: &IdentityConfig, db: &Db) -> StoreResult<Option<Keys>> {
    let mut previous: Vec<_> = config.app_secret_key_previous.iter().cloned().collect();
    let known = known_key_beside(db)?;
    if let Some(current) = &config.app_secret_key {
        previous.extend(known);
        return Ok(Some(Keys::new(current, &previous)));
    }
    let current = match known {
        Some(known) => Some(known),
        None => new_key(db).await?,
    };
    Ok(current.map(|current| Keys::new(&current, &previous)))
}

/// Where factors are in the database already, the file that they were sealed with did not come along with it.
async fn new_key(db: &Db) -> StoreResult<Option<Secret>> {
    let Some(made) = key_beside(db)? else { return Ok(None) };
    let factors = db.all_methods().await?.len();
    if factors > 0 {
        tracing::warn!(
            factors,
            "made a new app.key beside a database that has second factors already; what another key sealed stays \
             closed until that file is restored"
        );
    }
    Ok(Some(made))
}
