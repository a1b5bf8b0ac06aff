//! Sends what is due. Several replicas may do so at once: each mail is claimed by one, for a time.

use super::Smtp;
use crate::{
    core::SharedClock,
    observe::metrics::catalogue::GATEWAY_MAIL,
    store::{ClaimedMail, Db, StoreResult},
};
use std::time::Duration;

/// How long a mail belongs to the replica that claimed it. Longer than a whole conversation with the server may take;
/// after it, a replica that died does not hold the mail back.
const LEASE: Duration = Duration::from_secs(300);
const CONVERSATION: Duration = Duration::from_secs(120);
/// The first pause; each further one is twice as long, up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);
/// Mail older than this is given up.
const LIFETIME: Duration = Duration::from_secs(24 * 3_600);

/// How one mail fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    Sent,
    PutOff,
    GivenUp,
}

impl Delivered {
    const fn word(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::PutOff => "put_off",
            Self::GivenUp => "given_up",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Post {
    db: Db,
    clock: SharedClock,
    smtp: Smtp,
}

impl Post {
    pub const fn new(db: Db, clock: SharedClock, smtp: Smtp) -> Self {
        Self { db, clock, smtp }
    }

    /// Sends until nothing is due, or one mail had to be put off: then the server has trouble, and the others can wait.
    pub async fn deliver_due(&self) -> StoreResult<Vec<Delivered>> {
        let mut all = Vec::new();
        loop {
            let now = self.clock.now();
            let Some(claimed) = self.db.claim_mail(now, now.saturating_add(LEASE)).await? else {
                return Ok(all);
            };
            let delivered = Box::pin(self.deliver(&claimed)).await?;
            metrics::counter!(GATEWAY_MAIL, "outcome" => delivered.word()).increment(1);
            all.push(delivered);
            if delivered == Delivered::PutOff {
                return Ok(all);
            }
        }
    }

    async fn deliver(&self, claimed: &ClaimedMail) -> StoreResult<Delivered> {
        let sent = tokio::time::timeout(CONVERSATION, self.smtp.send(&claimed.mail)).await;
        let now = self.clock.now();
        let (error, is_final) = match sent {
            Ok(Ok(())) => {
                self.db.mail_sent(claimed, now).await?;
                return Ok(Delivered::Sent);
            }
            Ok(Err(error)) => (error.brief(), error.is_final()),
            Err(_) => ("the mail server does not answer in time".to_owned(), false),
        };
        let next = now.saturating_add(pause(claimed.mail.tries));
        if is_final || next > claimed.mail.created_at.saturating_add(LIFETIME) {
            tracing::error!(mail = %claimed.mail.id, %error, "a mail was given up");
            self.db.give_mail_up(claimed, &error, now).await?;
            return Ok(Delivered::GivenUp);
        }
        tracing::warn!(mail = %claimed.mail.id, %error, next_try = %next, "a mail could not be sent");
        self.db.retry_mail(claimed, next, &error).await?;
        Ok(Delivered::PutOff)
    }
}

/// After so many tries.
fn pause(tries: i64) -> Duration {
    let doublings = u32::try_from(tries.saturating_sub(1)).unwrap_or_default().min(16);
    PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_hour() {
        let pauses = [1, 2, 3, 7, 8, 9, 1_000].map(|tries| pause(tries).as_secs());
        assert_eq!(pauses, [30, 60, 120, 1_920, 3_600, 3_600, 3_600]);
    }
}
