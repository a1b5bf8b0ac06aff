//! Attempts at proofs that have failed or are being looked at, so that all replicas share one budget.

use super::{Db, StoreResult, users::HOLD, write_tx};
use crate::core::{
    Timestamp,
    id::{AttemptId, UserId},
};

/// An attempt is paid for before it is looked at: attempts at the same time cannot be more than the budget.
const OPEN: &str = "mfa_open";
const FAILED: &str = "mfa";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reservation {
    Granted(AttemptId),
    /// Others are being looked at; how they end is not known.
    Busy,
    /// All of the budget has failed.
    Spent,
}

const INSERT: &str = "INSERT INTO attempts (id, subject, kind, at) VALUES ($1, $2, $3, $4)";
const FORGET: &str = "DELETE FROM attempts WHERE subject = $1 AND kind IN ($2, $3) AND at <= $4";
const COUNT: &str = "SELECT COUNT(*) FROM attempts WHERE subject = $1 AND kind = $2 AND at > $3";
const FAIL: &str = "UPDATE attempts SET kind = $1 WHERE id = $2";
const RETURN: &str = "DELETE FROM attempts WHERE id = $1";

impl Db {
    /// Takes one attempt of `budget` in the time after `since`.
    pub async fn reserve_attempt(
        &self,
        user: UserId,
        budget: i64,
        since: Timestamp,
        now: Timestamp,
    ) -> StoreResult<Reservation> {
        let subject = user.to_string();
        write_tx!(self, tx => {
            sqlx::query(HOLD).bind(user).execute(&mut *tx).await?;
            let forget = sqlx::query(FORGET).bind(&subject).bind(OPEN).bind(FAILED).bind(since);
            forget.execute(&mut *tx).await?;
            let failed: i64 =
                sqlx::query_scalar(COUNT).bind(&subject).bind(FAILED).bind(since).fetch_one(&mut *tx).await?;
            let open: i64 =
                sqlx::query_scalar(COUNT).bind(&subject).bind(OPEN).bind(since).fetch_one(&mut *tx).await?;
            if failed >= budget {
                Reservation::Spent
            } else if failed + open >= budget {
                Reservation::Busy
            } else {
                let id = AttemptId::new(now);
                sqlx::query(INSERT).bind(id).bind(&subject).bind(OPEN).bind(now).execute(&mut *tx).await?;
                Reservation::Granted(id)
            }
        })
    }

    /// Gives an attempt back. Those that failed before stay.
    pub async fn return_attempt(&self, id: AttemptId) -> StoreResult<()> {
        write_tx!(self, tx => {
            sqlx::query(RETURN).bind(id).execute(&mut *tx).await?;
        })
    }

    /// Notes that an attempt failed; how many have after `since`.
    pub async fn fail_attempt(&self, user: UserId, id: AttemptId, since: Timestamp) -> StoreResult<i64> {
        write_tx!(self, tx => {
            sqlx::query(HOLD).bind(user).execute(&mut *tx).await?;
            sqlx::query(FAIL).bind(FAILED).bind(id).execute(&mut *tx).await?;
            let count = sqlx::query_scalar(COUNT).bind(user.to_string()).bind(FAILED).bind(since);
            count.fetch_one(&mut *tx).await?
        })
    }
}
