//! What webhooks are told. A row is written before the change that it tells of, as uncertain; it is confirmed or
//! taken back when the change is done. A replica that sends one claims it by moving `next_try_at` to the end of its
//! lease; that moment is also the proof by which it reports back.

use super::{Db, StoreResult, read, write_tx};
use crate::core::{Timestamp, id::DeliveryId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct DeliveryRow {
    pub id: DeliveryId,
    /// The webhook's name in the configuration.
    pub webhook: String,
    /// The exact bytes that are signed and sent.
    pub body: Vec<u8>,
    /// 0 until it is known that what is told has happened.
    pub certain: i64,
    pub created_at: Timestamp,
    pub next_try_at: Timestamp,
    pub tries: i64,
    pub sent_at: Option<Timestamp>,
    /// When it was given up.
    pub failed_at: Option<Timestamp>,
    pub last_error: Option<String>,
}

/// A delivery that this process may make until `lease_end`, and no other process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedDelivery {
    pub delivery: DeliveryRow,
    lease_end: Timestamp,
}

macro_rules! columns {
    () => {
        "id, webhook, body, certain, created_at, next_try_at, tries, sent_at, failed_at, last_error"
    };
}

const INSERT: &str = "INSERT INTO webhook_deliveries (id, webhook, body, certain, created_at, next_try_at, tries) \
     VALUES ($1, $2, $3, $4, $5, $6, 0)";
const CONFIRM: &str =
    "UPDATE webhook_deliveries SET certain = 1, next_try_at = $1 WHERE id = $2 AND certain = 0";
const TAKE_BACK: &str = "DELETE FROM webhook_deliveries WHERE id = $1 AND certain = 0";
/// The outer conditions are asked again by a second claimant that waited for the first.
const CLAIM: &str = concat!(
    "UPDATE webhook_deliveries SET next_try_at = $1, tries = tries + 1 \
     WHERE sent_at IS NULL AND failed_at IS NULL AND next_try_at <= $2 AND id IN \
     (SELECT id FROM webhook_deliveries WHERE webhook = $3 AND sent_at IS NULL AND failed_at IS NULL \
      AND next_try_at <= $2 ORDER BY next_try_at, id LIMIT 1) RETURNING ",
    columns!()
);
const SENT: &str = "UPDATE webhook_deliveries SET sent_at = $1, certain = 1, last_error = NULL \
     WHERE id = $2 AND next_try_at = $3";
const RETRY: &str = "UPDATE webhook_deliveries SET next_try_at = $1, last_error = $2, certain = 1 \
     WHERE id = $3 AND next_try_at = $4";
const PUT_OFF: &str = "UPDATE webhook_deliveries SET next_try_at = $1, tries = tries - 1 \
     WHERE id = $2 AND next_try_at = $3";
const GIVE_UP: &str = "UPDATE webhook_deliveries SET failed_at = $1, last_error = $2 \
     WHERE id = $3 AND next_try_at = $4";
const LIST: &str = concat!("SELECT ", columns!(), " FROM webhook_deliveries ORDER BY created_at, id");
const UNSENT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM webhook_deliveries WHERE sent_at IS NULL ORDER BY created_at DESC, id DESC LIMIT $1"
);
const REVIVE: &str = "UPDATE webhook_deliveries SET failed_at = NULL, tries = 0, next_try_at = $1 \
     WHERE id = $2 AND failed_at IS NOT NULL AND sent_at IS NULL";
const WAITING: &str = "SELECT COUNT(*) FROM webhook_deliveries \
     WHERE webhook = $1 AND sent_at IS NULL AND failed_at IS NULL";

impl Db {
    /// Writes down what will have happened, all or none.
    pub async fn add_deliveries(&self, deliveries: &[DeliveryRow]) -> StoreResult<()> {
        write_tx!(self, tx => {
            for delivery in deliveries {
                sqlx::query(INSERT)
                    .bind(delivery.id)
                    .bind(&delivery.webhook)
                    .bind(&delivery.body)
                    .bind(delivery.certain)
                    .bind(delivery.created_at)
                    .bind(delivery.next_try_at)
                    .execute(&mut *tx)
                    .await?;
            }
        })
    }

    /// It has happened: they are due.
    pub async fn confirm_deliveries(&self, ids: &[DeliveryId], now: Timestamp) -> StoreResult<()> {
        write_tx!(self, tx => {
            for id in ids {
                sqlx::query(CONFIRM).bind(now).bind(id).execute(&mut *tx).await?;
            }
        })
    }

    /// It has not happened.
    pub async fn take_deliveries_back(&self, ids: &[DeliveryId]) -> StoreResult<()> {
        write_tx!(self, tx => {
            for id in ids {
                sqlx::query(TAKE_BACK).bind(id).execute(&mut *tx).await?;
            }
        })
    }

    /// The next that is due, for this process alone until `lease_end`.
    pub async fn claim_delivery(
        &self,
        webhook: &str,
        now: Timestamp,
        lease_end: Timestamp,
    ) -> StoreResult<Option<ClaimedDelivery>> {
        let delivery: StoreResult<Option<DeliveryRow>> = write_tx!(self, tx => {
            sqlx::query_as(CLAIM).bind(lease_end).bind(now).bind(webhook).fetch_optional(&mut *tx).await?
        });
        Ok(delivery?.map(|delivery| ClaimedDelivery { delivery, lease_end }))
    }

    /// False when the lease ended and another process has it; so of the others.
    pub async fn delivery_sent(&self, claimed: &ClaimedDelivery, now: Timestamp) -> StoreResult<bool> {
        write_tx!(self, tx => {
            let query = sqlx::query(SENT).bind(now).bind(claimed.delivery.id).bind(claimed.lease_end);
            query.execute(&mut *tx).await?.rows_affected() == 1
        })
    }

    pub async fn retry_delivery(
        &self,
        claimed: &ClaimedDelivery,
        at: Timestamp,
        error: &str,
    ) -> StoreResult<bool> {
        write_tx!(self, tx => {
            let query =
                sqlx::query(RETRY).bind(at).bind(error).bind(claimed.delivery.id).bind(claimed.lease_end);
            query.execute(&mut *tx).await?.rows_affected() == 1
        })
    }

    /// Later, without a try: it could not be told whether it has happened.
    pub async fn put_delivery_off(&self, claimed: &ClaimedDelivery, at: Timestamp) -> StoreResult<bool> {
        write_tx!(self, tx => {
            let query = sqlx::query(PUT_OFF).bind(at).bind(claimed.delivery.id).bind(claimed.lease_end);
            query.execute(&mut *tx).await?.rows_affected() == 1
        })
    }

    pub async fn give_delivery_up(
        &self,
        claimed: &ClaimedDelivery,
        error: &str,
        now: Timestamp,
    ) -> StoreResult<bool> {
        write_tx!(self, tx => {
            let query =
                sqlx::query(GIVE_UP).bind(now).bind(error).bind(claimed.delivery.id).bind(claimed.lease_end);
            query.execute(&mut *tx).await?.rows_affected() == 1
        })
    }

    /// All that is kept, oldest first.
    pub async fn deliveries(&self) -> StoreResult<Vec<DeliveryRow>> {
        Ok(read!(self, pool => sqlx::query_as(LIST).fetch_all(pool).await)?)
    }

    /// What was not sent, or not yet, the latest first; at most `limit`.
    pub async fn unsent_deliveries(&self, limit: i64) -> StoreResult<Vec<DeliveryRow>> {
        Ok(read!(self, pool => sqlx::query_as(UNSENT).bind(limit).fetch_all(pool).await)?)
    }

    /// One that was given up is due again, and has all its tries before it. False when it was not given up.
    pub async fn revive_delivery(&self, id: DeliveryId, now: Timestamp) -> StoreResult<bool> {
        write_tx!(self, tx => {
            sqlx::query(REVIVE).bind(now).bind(id).execute(&mut *tx).await?.rows_affected() == 1
        })
    }

    pub async fn waiting_deliveries(&self, webhook: &str) -> StoreResult<i64> {
        Ok(read!(self, pool => sqlx::query_scalar(WAITING).bind(webhook).fetch_one(pool).await)?)
    }
}
