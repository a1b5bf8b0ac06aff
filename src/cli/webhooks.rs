//! `webhooks list`, `webhooks redeliver`.

use super::{
    arguments,
    context::{Admin, What},
    failure::Failure,
    output::{Report, table, time, time_or},
};
use crate::{
    config::WebhookConfig,
    core::{Timestamp, id::DeliveryId},
    notify::webhook,
    store::DeliveryRow,
};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::collections::BTreeSet;

#[derive(Debug, Subcommand)]
pub enum WebhooksCommand {
    /// List what receivers have not heard yet, the latest first
    List(List),
    /// Send again what was given up
    Redeliver(Redeliver),
}

#[derive(Debug, Args)]
pub struct List {
    /// Only of this webhook
    #[arg(long, value_name = "NAME")]
    webhook: Option<String>,
    /// Only what was given up
    #[arg(long)]
    failed: bool,
}

#[derive(Debug, Args)]
pub struct Redeliver {
    /// Ids that `webhooks list` shows
    #[arg(value_name = "ID", value_parser = arguments::delivery_id, required_unless_present = "all")]
    ids: Vec<DeliveryId>,
    /// Everything that was given up
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// Only of this webhook
    #[arg(long, value_name = "NAME", requires = "all")]
    webhook: Option<String>,
}

/// The latest that are looked at.
const MOST: i64 = 1_000;

/// A delivery as `webhooks … -o json` shows it.
#[derive(Debug, Serialize)]
struct DeliveryView {
    id: DeliveryId,
    webhook: String,
    /// `uncertain` until it is known that it has happened, `waiting`, or `given up`.
    state: &'static str,
    /// As in `push team/app:v1`.
    event: Option<String>,
    created_at: Timestamp,
    tries: i64,
    /// Null when it was given up.
    next_try_at: Option<Timestamp>,
    failed_at: Option<Timestamp>,
    last_error: Option<String>,
}

impl DeliveryView {
    fn of(row: DeliveryRow) -> Self {
        let state = match (row.failed_at, row.certain) {
            (Some(_), _) => "given up",
            (None, 0) => "uncertain",
            (None, _) => "waiting",
        };
        Self {
            id: row.id,
            state,
            event: webhook::summary(&row.body),
            created_at: row.created_at,
            tries: row.tries,
            next_try_at: row.failed_at.is_none().then_some(row.next_try_at),
            failed_at: row.failed_at,
            last_error: row.last_error,
            webhook: row.webhook,
        }
    }

    fn line(&self) -> [String; 8] {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        [
            self.id.to_string(),
            self.webhook.clone(),
            self.state.to_owned(),
            text(&self.event),
            time(self.created_at),
            self.tries.to_string(),
            time_or(self.next_try_at, "never"),
            text(&self.last_error),
        ]
    }
}

impl WebhooksCommand {
    /// `configured` are the webhooks of the configuration.
    pub async fn run(self, admin: &Admin, configured: &[WebhookConfig]) -> Result<Report, Failure> {
        let named = match &self {
            Self::List(list) => list.webhook.as_deref(),
            Self::Redeliver(redeliver) => redeliver.webhook.as_deref(),
        };
        if let Some(name) = named {
            must_be_known(name, admin, configured).await?;
        }
        match self {
            Self::List(list) => list.run(admin).await,
            Self::Redeliver(redeliver) => redeliver.run(admin).await,
        }
    }
}

/// A name is known by the configuration, or by what a webhook that was there once has not heard or has.
async fn must_be_known(name: &str, admin: &Admin, configured: &[WebhookConfig]) -> Result<(), Failure> {
    let mut known: BTreeSet<_> = configured.iter().map(|webhook| webhook.name.clone()).collect();
    if known.contains(name) {
        return Ok(());
    }
    known.extend(admin.db().deliveries().await?.into_iter().map(|row| row.webhook));
    if known.contains(name) {
        return Ok(());
    }
    let known: Vec<_> = known.into_iter().collect();
    Err(Failure::NotDone(match known.as_slice() {
        [] => format!("the webhook {name} does not exist; there is none"),
        names => format!("the webhook {name} does not exist; known are {}", names.join(", ")),
    }))
}

impl List {
    async fn run(self, admin: &Admin) -> Result<Report, Failure> {
        let is_wanted = |row: &DeliveryRow| {
            (!self.failed || row.failed_at.is_some())
                && self.webhook.as_ref().is_none_or(|webhook| row.webhook == *webhook)
        };
        let rows = admin.db().unsent_deliveries(MOST).await?;
        let views: Vec<_> = rows.into_iter().filter(is_wanted).map(DeliveryView::of).collect();
        let header = ["ID", "WEBHOOK", "STATE", "EVENT", "CREATED", "TRIES", "NEXT TRY", "LAST ERROR"];
        Ok(Report::new(table(header, views.iter().map(DeliveryView::line)), &views))
    }
}

impl Redeliver {
    /// Each by itself, with its own records.
    async fn run(self, admin: &Admin) -> Result<Report, Failure> {
        let failed: Vec<_> = admin
            .db()
            .unsent_deliveries(MOST)
            .await?
            .into_iter()
            .filter(|row| row.failed_at.is_some())
            .collect();
        let wanted = self.wanted(failed)?;
        for row in &wanted {
            let what = What {
                action: "webhook.redeliver",
                resource_type: "webhook",
                resource: row.webhook.clone(),
                detail: Some(match webhook::summary(&row.body) {
                    Some(event) => format!("{} {event}", row.id),
                    None => row.id.to_string(),
                }),
            };
            let revived = async {
                match admin.db().revive_delivery(row.id, admin.now()).await? {
                    true => Ok(()),
                    false => {
                        Err(Failure::NotDone(format!("the delivery {} is not given up any more", row.id)))
                    }
                }
            };
            admin.change(what, revived).await?;
        }
        let ids: Vec<_> = wanted.iter().map(|row| row.id).collect();
        let text = match ids.as_slice() {
            [] => "nothing was given up".to_owned(),
            [id] => format!("the delivery {id} is sent again, 17 times at most"),
            all => format!("{} deliveries are sent again, 17 times each at most", all.len()),
        };
        Ok(Report::new(text, &ids))
    }

    /// Of those that were given up. Nothing is done when one of the named is not among them.
    fn wanted(self, failed: Vec<DeliveryRow>) -> Result<Vec<DeliveryRow>, Failure> {
        if let Some(missing) = self.ids.iter().find(|id| failed.iter().all(|row| row.id != **id)) {
            let why = "was not given up, or is not there; `webhooks list --failed` shows what was";
            return Err(Failure::NotDone(format!("the delivery {missing} {why}")));
        }
        let is_wanted = |row: &DeliveryRow| match self.all {
            true => self.webhook.as_ref().is_none_or(|webhook| row.webhook == *webhook),
            false => self.ids.contains(&row.id),
        };
        Ok(failed.into_iter().filter(is_wanted).collect())
    }
}
