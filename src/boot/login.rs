//! The ways in: providers, links, and the first of all links.

use super::{BootError, recorded::Recorder};
use crate::{
    config::{Config, LoginConfig},
    core::{Secret, SharedClock},
    identity::{
        arrival::{Arrivals, GroupRoles},
        change::administrators,
        links::Links,
        login::Login,
        login_budget::LoginBudget,
        providers::Providers,
    },
    observe::log::write_stderr,
    store::{Db, StoreResult, UserRow},
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

/// A way in for somebody who has no other.
pub struct Enrolment {
    pub email: String,
    pub address: String,
}

/// Administrators whom the configuration names are users already, so that there is no first link. Where no provider
/// vouches for them, each who has nothing to log in with gets a link of their own at every start.
pub async fn enrolments(
    config: &Config,
    login: &Login,
    db: &Db,
    clock: &SharedClock,
) -> Result<Vec<Enrolment>, BootError> {
    if login.providers.iter().next().is_some() {
        return Ok(Vec::new());
    }
    let recorder = Recorder::new(db, clock);
    let mut all = Vec::new();
    for user in named_administrators(config, db).await.map_err(BootError::Database)? {
        if db.has_way_in(user.id).await.map_err(BootError::Database)? {
            continue;
        }
        let change = recorder.begin("link.create", "link", user.email.clone(), None);
        let made = recorder.carry_out(&change, login.links.enrolment(&user)).await;
        let Some((secret, _)) = made.map_err(BootError::Database)? else { continue };
        all.push(Enrolment { email: user.email, address: login.links.address(&secret) });
    }
    Ok(all)
}

async fn named_administrators(config: &Config, db: &Db) -> StoreResult<Vec<UserRow>> {
    let rows = db.standing_rows().await?;
    let administrators = administrators(&rows);
    let is_meant =
        |user: &UserRow| administrators.contains(&user.id) && config.access.admin_users.contains(&user.email);
    Ok(rows.users.into_iter().filter(is_meant).collect())
}

/// On stderr: the log may go where many can read, and this is for whoever starts the server.
pub fn announce(address: &str) {
    tracing::warn!("nobody has an account yet; the first administrator comes in by the link printed below");
    write_stderr(&format!(
        "\nNobody has an account here yet. Open this once, within 24 hours, to become the first administrator:\n\n    \
         {address}\n\n"
    ));
}

/// The same for somebody who has an account.
pub fn announce_enrolment(Enrolment { email, address }: &Enrolment) {
    tracing::warn!(user = %email, "an administrator has no way to log in; they come in by the link printed below");
    write_stderr(&format!(
        "\n{email} has no way to log in yet. Open this once, within 24 hours, to add a passkey:\n\n    {address}\n\n"
    ));
}
