//! Mail: what is to be told is queued in the database, in words that no fact can break out of, and any replica sends
//! it. Without a server in the configuration nothing is queued.

mod notice;
mod post;
mod smtp;
mod witness;

pub use notice::Notice;
pub use post::{Delivered, Post};
pub use smtp::{MailError, Smtp};

use crate::{
    config::Config,
    core::{PublicUrl, SharedClock},
    observe::metrics::catalogue::GATEWAY_MAIL,
    store::{Db, MailRow},
};
use lettre::Address;

/// Puts mail into the queue. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Mailer {
    to_queue: Option<Queue>,
}

#[derive(Clone, Debug)]
struct Queue {
    db: Db,
    clock: SharedClock,
    public_url: PublicUrl,
}

impl Mailer {
    /// For a gateway with a mail server.
    pub const fn new(db: Db, clock: SharedClock, public_url: PublicUrl) -> Self {
        Self { to_queue: Some(Queue { db, clock, public_url }) }
    }

    /// For a gateway without one: what is queued is dropped.
    pub const fn off() -> Self {
        Self { to_queue: None }
    }

    /// As the configuration says.
    pub fn configured(config: &Config, db: &Db, clock: &SharedClock) -> Self {
        match &config.mail {
            Some(_) => Self::new(db.clone(), clock.clone(), config.identity.public_url.clone()),
            None => Self::off(),
        }
    }

    /// Queues `notice` for the address `to`. What it tells of has happened already, so a failure is logged and counted
    /// and does not reach the caller.
    pub async fn queue(&self, notice: &Notice<'_>, to: &str) {
        let Some(queue) = &self.to_queue else { return };
        let outcome = match queue.add(notice, to).await {
            Ok(()) => "queued",
            Err(error) => {
                tracing::error!(%error, kind = notice.kind(), "a mail could not be queued");
                "lost"
            }
        };
        metrics::counter!(GATEWAY_MAIL, "outcome" => outcome).increment(1);
    }
}

impl Queue {
    async fn add(&self, notice: &Notice<'_>, to: &str) -> Result<(), MailError> {
        let recipient: Address = to.parse().map_err(|_| MailError::Address)?;
        let now = self.clock.now();
        let mail =
            MailRow::new(recipient.to_string(), notice.subject(), notice.body(&self.public_url, now), now);
        Ok(self.db.add_mail(&mail).await?)
    }
}
