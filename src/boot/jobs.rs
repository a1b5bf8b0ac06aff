//! The periodic work of this gateway.

use super::BootError;
use crate::{
    config::Config,
    core::SharedClock,
    jobs::{self, Job},
    notify::mail::{Post, Smtp},
    store::Db,
};

pub fn all(config: &Config, db: &Db, clock: &SharedClock) -> Result<Vec<Job>, BootError> {
    let mut all = vec![jobs::sweep(db.clone(), clock.clone())];
    if let Some(mail) = &config.mail {
        let post = Post::new(db.clone(), clock.clone(), Smtp::new(mail)?);
        all.push(jobs::deliver_mail(post));
    }
    Ok(all)
}
