//! The ways in: providers, links, and the first of all links.

use super::{BootError, recorded::Recorder};
use crate::{
    config::{Config, LoginConfig},
    core::{Secret, SharedClock},
    identity::{
        arrival::{Arrivals, GroupRoles},
        links::Links,
        login::Login,
        login_budget::LoginBudget,
        providers::Providers,
    },
    store::Db,
};

pub fn login(config: &Config, db: &Db, clock: &SharedClock) -> Result<Login, BootError> {
    let LoginConfig { group_roles, provision, .. } = &config.login;
    let public_url = &config.identity.public_url;
    let roles = GroupRoles::new(group_roles)
        .map_err(|(target, error)| BootError::Login(format!("group_roles.target \"{target}\": {error}")))?;
    let providers = Providers::new(&config.login, public_url, clock)
        .map_err(|error| BootError::Login(error.to_string()))?;
    Ok(Login {
        providers,
        arrivals: Arrivals { db: db.clone(), clock: clock.clone(), roles, provision: *provision },
        links: Links::new(db.clone(), clock.clone(), public_url.clone()),
        budget: LoginBudget::new(db.clone(), clock.clone()),
    })
}

/// While there are no users, nobody can come in but by this. Recorded before it can be used.
pub async fn first_link(login: &Login, db: &Db, clock: &SharedClock) -> Result<Option<String>, BootError> {
    if db.has_users().await.map_err(BootError::Database)? {
        return Ok(None);
    }
    let recorder = Recorder::new(db, clock);
    let change = recorder.begin("link.create", "link", "the first administrator".to_owned(), None);
    let made = recorder.carry_out(&change, login.links.bootstrap()).await.map_err(BootError::Database)?;
    Ok(made.map(|(secret, _): (Secret, _)| login.links.address(&secret)))
}

/// On stderr: the log may go where many can read, and this is for whoever starts the server.
pub fn announce(address: &str) {
    tracing::warn!("nobody has an account yet; the first administrator comes in by the link printed below");
    eprintln!(
        "\nNobody has an account here yet. Open this once, within 24 hours, to become the first administrator:\n\n    \
         {address}\n"
    );
}
