//! Users that the environment names (`ADMIN_USERS` and its siblings): added when they are missing. Who exists
//! already keeps the roles they have, so that a restart takes nothing back.

use crate::{
    config::AccessConfig,
    core::SharedClock,
    store::{Db, GrantRow, StoreError, StoreResult, Subject},
};

pub async fn add_named(db: &Db, access: &AccessConfig, clock: &SharedClock) -> StoreResult<()> {
    let lists = [
        ("admin", &access.admin_users),
        ("viewer", &access.viewer_users),
        ("deployer", &access.deployer_users),
        ("ops", &access.operations_users),
    ];
    for (role, emails) in lists {
        for email in emails {
            add(db, email, role, clock).await?;
        }
    }
    Ok(())
}

/// Adds the user with the role on everything. An existing user stays as they are.
pub async fn add(db: &Db, email: &str, role: &str, clock: &SharedClock) -> StoreResult<()> {
    let now = clock.now();
    match db.add_user(email, email.split('@').next().unwrap_or(email), now).await {
        Ok(user) => {
            db.add_grant(&GrantRow::new(Subject::User(user.id), role, "*", None, now)).await?;
            tracing::info!(email, role, "added a user that the environment names");
            Ok(())
        }
        // Also when another replica was faster.
        Err(StoreError::Exists(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
