//! The periodic work of this gateway.

use super::BootError;
use crate::{
    config::{Config, DatabaseTarget, RegistryPlace},
    core::SharedClock,
    jobs::{self, Job},
    notify::mail::{Post, Smtp},
    store::Db,
};
use std::path::PathBuf;

pub fn all(config: &Config, db: &Db, clock: &SharedClock) -> Result<Vec<Job>, BootError> {
    let mut all = vec![
        jobs::sweep(db.clone(), clock.clone()),
        jobs::clock_skew(db.clone(), clock.clone()),
        jobs::disk_space(places(config)),
    ];
    if let Some(mail) = &config.mail {
        let post = Post::new(db.clone(), clock.clone(), Smtp::new(mail)?);
        all.push(jobs::deliver_mail(post));
    }
    Ok(all)
}

/// Where something is kept on this machine's disks.
fn places(config: &Config) -> Vec<(&'static str, PathBuf)> {
    let database = match &config.database.target {
        DatabaseTarget::Sqlite { path } => Some(("database", path.clone())),
        DatabaseTarget::Postgres { .. } => None,
    };
    let registry = match &config.registry.place {
        RegistryPlace::Directory(path) => Some(("registry", path.clone())),
        _ => None,
    };
    database.into_iter().chain(registry).collect()
}
