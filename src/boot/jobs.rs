//! The periodic work of this gateway.

use super::BootError;
use crate::{
    config::{Config, DatabaseTarget, RegistryPlace, WebhookConfig},
    core::SharedClock,
    jobs::{self, Job},
    notify::{
        mail::{Post, Smtp},
        webhook::{Courier, Receiver, Source, Subscription, Webhooks},
    },
    registry::Backend,
    store::Db,
    upstream::Trust,
};
use std::{path::PathBuf, sync::Arc};

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

/// One for each receiver of what happens in the registry.
pub fn couriers(
    config: &Config,
    db: &Db,
    clock: &SharedClock,
    registry: Option<&Arc<dyn Backend>>,
) -> Result<Vec<Job>, BootError> {
    let Some(registry) = registry else {
        if !config.webhooks.is_empty() {
            tracing::warn!("webhooks are configured, but there is no registry that they could hear of");
        }
        return Ok(Vec::new());
    };
    let courier = |webhook: &WebhookConfig| {
        let receiver = Receiver {
            name: webhook.name.clone(),
            url: webhook.url.clone(),
            secret: webhook.secret.clone(),
            trust: webhook.ca_file.clone().map_or(Trust::System, Trust::Authority),
        };
        let courier = Courier::new(receiver, db.clone(), clock.clone(), registry.clone())?;
        Ok(jobs::tell_webhook(courier))
    };
    config.webhooks.iter().map(courier).collect()
}

/// Writes down what is to be told.
pub fn webhooks(config: &Config, db: &Db, clock: &SharedClock) -> Webhooks {
    let subscription = |webhook: &WebhookConfig| {
        let pattern = |text: &String| format!("repo:{text}").parse().ok();
        Subscription {
            webhook: webhook.name.clone(),
            repositories: webhook.repositories.iter().filter_map(pattern).collect(),
            actions: webhook.actions.clone(),
        }
    };
    let subscriptions = config.webhooks.iter().map(subscription).collect();
    let source = Source {
        addr: config.identity.public_url.host().to_owned(),
        instance: hex::encode(rand::random::<[u8; 8]>()),
    };
    Webhooks::new(subscriptions, source, db.clone(), clock.clone())
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
