//! Users that the environment names (`ADMIN_USERS` and its siblings): added when they are missing. Who exists
//! already keeps the roles they have, so that a restart takes nothing back.

use crate::{
    config::AccessConfig,
    core::SharedClock,
    identity::change::{
        Actor, Refused,
        grants::NewGrant,
        users::{self, NewUser},
    },
    policy::TargetPattern,
    store::{Db, StoreResult},
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
    let name = email.split('@').next().unwrap_or(email).to_owned();
    let everywhere =
        NewGrant { role: role.to_owned(), target: TargetPattern::everything(), expires_at: None };
    let new = NewUser { email: email.to_owned(), name, grants: vec![everywhere] };
    match users::create(db, &Actor::Operator, now, &new).await {
        Ok(_) => {
            tracing::info!(email, role, "added a user that the environment names");
            Ok(())
        }
        // Also when another replica was faster.
        Err(Refused::Conflict(_)) => Ok(()),
        Err(Refused::Store(error)) => Err(error),
        Err(refused) => {
            tracing::warn!(email, role, %refused, "a user that the environment names was not added");
            Ok(())
        }
    }
}
