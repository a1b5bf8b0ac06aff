//! Mail that waits to be sent, or was. A replica that sends one claims it by moving `next_try_at` to the end of its
//! lease; that moment is also the proof by which it reports back.

use super::{Db, StoreResult, read, write_tx};
use crate::core::{Timestamp, id::MailId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct MailRow {
    pub id: MailId,
    pub recipient: String,
    pub subject: String,
    pub body: String,
    pub created_at: Timestamp,
    pub next_try_at: Timestamp,
    pub tries: i64,
    pub sent_at: Option<Timestamp>,
    /// When it was given up.
    pub failed_at: Option<Timestamp>,
    pub last_error: Option<String>,
}

impl MailRow {
    /// Due at once.
    pub fn new(
        recipient: impl Into<String>,
        subject: impl Into<String>,
        body: impl Into<String>,
        now: Timestamp,
    ) -> Self {
        Self {
            id: MailId::new(now),
            recipient: recipient.into(),
            subject: subject.into(),
            body: body.into(),
            created_at: now,
            next_try_at: now,
            tries: 0,
            sent_at: None,
            failed_at: None,
            last_error: None,
        }
    }
}

/// A mail that this process may send until `lease_end`, and no other process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedMail {
    pub mail: MailRow,
    lease_end: Timestamp,
}

macro_rules! columns {
    () => {
        "id, recipient, subject, body, created_at, next_try_at, tries, sent_at, failed_at, last_error"
    };
}

const INSERT: &str = "INSERT INTO mail (id, recipient, subject, body, created_at, next_try_at, tries) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";
/// The outer conditions are asked again by a second claimant that waited for the first.
const CLAIM: &str = concat!(
    "UPDATE mail SET next_try_at = $1, tries = tries + 1 \
     WHERE sent_at IS NULL AND failed_at IS NULL AND next_try_at <= $2 AND id IN \
     (SELECT id FROM mail WHERE sent_at IS NULL AND failed_at IS NULL AND next_try_at <= $2 \
      ORDER BY next_try_at, id LIMIT 1) RETURNING ",
    columns!()
);
const SENT: &str = "UPDATE mail SET sent_at = $1, last_error = NULL WHERE id = $2 AND next_try_at = $3";
const RETRY: &str = "UPDATE mail SET next_try_at = $1, last_error = $2 WHERE id = $3 AND next_try_at = $4";
const GIVE_UP: &str = "UPDATE mail SET failed_at = $1, last_error = $2 WHERE id = $3 AND next_try_at = $4";
const LIST: &str = concat!("SELECT ", columns!(), " FROM mail ORDER BY created_at, id");
const WAITING: &str = "SELECT COUNT(*) FROM mail WHERE sent_at IS NULL AND failed_at IS NULL";

impl Db {
    pub async fn add_mail(&self, mail: &MailRow) -> StoreResult<()> {
        write_tx!(self, tx => {
            sqlx::query(INSERT)
                .bind(mail.id)
                .bind(&mail.recipient)
                .bind(&mail.subject)
                .bind(&mail.body)
                .bind(mail.created_at)
                .bind(mail.next_try_at)
                .bind(mail.tries)
                .execute(&mut *tx)
                .await?;
        })
    }

    /// The next mail that is due, for this process alone until `lease_end`.
    pub async fn claim_mail(&self, now: Timestamp, lease_end: Timestamp) -> StoreResult<Option<ClaimedMail>> {
        let mail: StoreResult<Option<MailRow>> = write_tx!(self, tx => {
            sqlx::query_as(CLAIM).bind(lease_end).bind(now).fetch_optional(&mut *tx).await?
        });
        Ok(mail?.map(|mail| ClaimedMail { mail, lease_end }))
    }

    /// False when the lease ended and another process has the mail.
    pub async fn mail_sent(&self, claimed: &ClaimedMail, now: Timestamp) -> StoreResult<bool> {
        write_tx!(self, tx => {
            let query = sqlx::query(SENT).bind(now).bind(claimed.mail.id).bind(claimed.lease_end);
            query.execute(&mut *tx).await?.rows_affected() == 1
        })
    }

    pub async fn retry_mail(&self, claimed: &ClaimedMail, at: Timestamp, error: &str) -> StoreResult<bool> {
        write_tx!(self, tx => {
            let query = sqlx::query(RETRY).bind(at).bind(error).bind(claimed.mail.id).bind(claimed.lease_end);
            query.execute(&mut *tx).await?.rows_affected() == 1
        })
    }

    pub async fn give_mail_up(
        &self,
        claimed: &ClaimedMail,
        error: &str,
        now: Timestamp,
    ) -> StoreResult<bool> {
        write_tx!(self, tx => {
            let query =
                sqlx::query(GIVE_UP).bind(now).bind(error).bind(claimed.mail.id).bind(claimed.lease_end);
            query.execute(&mut *tx).await?.rows_affected() == 1
        })
    }

    /// All that is kept, oldest first.
    pub async fn mail(&self) -> StoreResult<Vec<MailRow>> {
        Ok(read!(self, pool => sqlx::query_as(LIST).fetch_all(pool).await)?)
    }

    pub async fn waiting_mail(&self) -> StoreResult<i64> {
        Ok(read!(self, pool => sqlx::query_scalar(WAITING).fetch_one(pool).await)?)
    }
}
