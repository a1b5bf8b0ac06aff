//! Webhooks: what is pushed to the container registry and deleted from it is told to receivers of the configuration. It
//! is written down before it happens, and sent by any replica when it has.

mod event;
mod post;
mod sign;

use event::Envelope;
pub use event::{Action, Asked, Happening, Source, Touched, summary};
pub use post::{Courier, Outcome, Receiver, WebhookError};
pub use sign::signature;

use crate::{
    config::WebhookAction,
    core::{SharedClock, id::DeliveryId},
    policy::{Target, TargetPattern},
    store::{Db, DeliveryRow, StoreResult},
};
use std::{sync::Arc, time::Duration};

/// How long it may take until it is known whether something has happened. After it, whoever sends finds out.
const UNCERTAIN: Duration = Duration::from_secs(15 * 60);

/// What one webhook wants to hear of.
#[derive(Clone, Debug)]
pub struct Subscription {
    pub webhook: String,
    pub repositories: Vec<TargetPattern>,
    pub actions: Vec<WebhookAction>,
}

impl Subscription {
    fn hears(&self, repository: &str, action: WebhookAction) -> bool {
        let target = Target::repository(repository);
        self.actions.contains(&action) && self.repositories.iter().any(|pattern| pattern.covers(&target))
    }
}

/// Writes down what is to be told. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Webhooks {
    subscriptions: Arc<[Subscription]>,
    source: Arc<Source>,
    db: Db,
    clock: SharedClock,
}

/// What was written down and is not yet certain.
#[derive(Debug, Default)]
#[must_use]
pub struct Announced(Vec<DeliveryId>);

impl Webhooks {
    pub fn new(subscriptions: Vec<Subscription>, source: Source, db: Db, clock: SharedClock) -> Self {
        Self { subscriptions: subscriptions.into(), source: Arc::new(source), db, clock }
    }

    /// Writes down what is about to happen. On an error nothing must happen.
    pub async fn announce(&self, happenings: &[Happening]) -> StoreResult<Announced> {
        let now = self.clock.now();
        let mut rows = Vec::new();
        for happening in happenings {
            let hears =
                |one: &&Subscription| one.hears(&happening.target.repository, happening.action.into());
            for subscription in self.subscriptions.iter().filter(hears) {
                let id = DeliveryId::new(now);
                let envelope = Envelope::of(id, now, happening, &self.source);
                rows.push(DeliveryRow {
                    id,
                    webhook: subscription.webhook.clone(),
                    body: serde_json::to_vec(&envelope).unwrap_or_default(),
                    certain: 0,
                    created_at: now,
                    next_try_at: now.saturating_add(UNCERTAIN),
                    tries: 0,
                    sent_at: None,
                    failed_at: None,
                    last_error: None,
                });
            }
        }
        if !rows.is_empty() {
            self.db.add_deliveries(&rows).await?;
        }
        Ok(Announced(rows.iter().map(|row| row.id).collect()))
    }

    /// It has happened, or not. What cannot be written now is found out later.
    pub async fn settle(&self, announced: Announced, has_happened: bool) {
        let Announced(ids) = announced;
        if ids.is_empty() {
            return;
        }
        let written = match has_happened {
            true => self.db.confirm_deliveries(&ids, self.clock.now()).await,
            false => self.db.take_deliveries_back(&ids).await,
        };
        if let Err(error) = written {
            tracing::warn!(%error, "what webhooks are to be told is settled later");
        }
    }
}
