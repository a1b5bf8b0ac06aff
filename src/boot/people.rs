//! Users that the environment names (`ADMIN_USERS` and its siblings): added when they are missing. Who exists
//! already keeps the roles they have, so that a restart takes nothing back.

use super::recorded::Recorder;
use crate::{
    config::AccessConfig,
    core::SharedClock,
    identity::links::named,
    store::{Db, StoreError, StoreResult},
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

/// Adds the user with the role on everything, both or neither, and records it. An existing user stays as they are.
pub async fn add(db: &Db, email: &str, role: &str, clock: &SharedClock) -> StoreResult<()> {
    match db.user_by_email(email).await {
        Ok(_) => return Ok(()),
        Err(StoreError::NotFound(_)) => {}
        Err(error) => return Err(error),
    }
    let recorder = Recorder::new(db, clock);
    let detail = Some(format!("role {role} on *"));
    let change = recorder.begin("user.create", "user", email.to_owned(), detail);
    match recorder.carry_out(&change, db.add_person(&named(email, role, clock.now()))).await {
        Ok(()) => {
            tracing::info!(email, role, "added a user that the environment names");
            Ok(())
        }
        // Another replica was faster.
        Err(StoreError::Exists(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
