//! Who has something to themselves, among all processes: a tag, the collection of garbage, the gate of the collector.

use super::{Db, StoreResult, read, write_tx};
use crate::core::Timestamp;

/// Free, run out, or the holder's own.
const TAKE: &str = "INSERT INTO registry_leases (name, holder, until) VALUES ($1, $2, $3) \
     ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until \
     WHERE registry_leases.until <= $4 OR registry_leases.holder = excluded.holder";
const DROP: &str = "DELETE FROM registry_leases WHERE name = $1 AND holder = $2";
const SWEEP: &str = "DELETE FROM registry_leases WHERE until <= $1 AND name <> 'gate'";

/// Both sides change this row first, so that neither overlooks the other.
const GATE: &str = "UPDATE registry_leases SET until = until WHERE name = 'gate'";
const CLOSED: &str =
    "SELECT count(*) FROM registry_leases WHERE name = 'closed' AND until > $1 AND holder <> $2";
const OPEN: &str =
    "SELECT count(*) FROM registry_leases WHERE name LIKE 'open/%' AND until > $1 AND holder <> $2";

impl Db {
    /// Takes or renews a lease; false when somebody else has it.
    pub async fn take_registry_lease(
        &self,
        name: &str,
        holder: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> StoreResult<bool> {
        write_tx!(self, tx => {
            let taken = sqlx::query(TAKE).bind(name).bind(holder).bind(until).bind(now);
            taken.execute(&mut *tx).await?.rows_affected() == 1
        })
    }

    pub async fn drop_registry_lease(&self, name: &str, holder: &str) -> StoreResult<()> {
        write_tx!(self, tx => {
            sqlx::query(DROP).bind(name).bind(holder).execute(&mut *tx).await?;
        })
    }

    /// Says that `process` may link things until then; false while another keeps the gate closed.
    pub async fn open_registry_gate(
        &self,
        process: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> StoreResult<bool> {
        let name = format!("open/{process}");
        write_tx!(self, tx => {
            sqlx::query(GATE).execute(&mut *tx).await?;
            let closed: i64 = sqlx::query_scalar(CLOSED).bind(now).bind(process).fetch_one(&mut *tx).await?;
            let is_open = closed == 0;
            if is_open {
                sqlx::query(TAKE).bind(&name).bind(process).bind(until).bind(now).execute(&mut *tx).await?;
            }
            is_open
        })
    }

    /// Closes the gate for all but `process`; false when another closed it.
    pub async fn close_registry_gate(
        &self,
        process: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> StoreResult<bool> {
        write_tx!(self, tx => {
            sqlx::query(GATE).execute(&mut *tx).await?;
            let taken = sqlx::query(TAKE).bind("closed").bind(process).bind(until).bind(now);
            taken.execute(&mut *tx).await?.rows_affected() == 1
        })
    }

    /// How many other processes may still link things.
    pub async fn open_registry_gates(&self, process: &str, now: Timestamp) -> StoreResult<i64> {
        read!(self, pool => Ok(sqlx::query_scalar(OPEN).bind(now).bind(process).fetch_one(pool).await?))
    }

    /// Forgets leases that have run out.
    pub async fn sweep_registry_leases(&self, now: Timestamp) -> StoreResult<u64> {
        write_tx!(self, tx => sqlx::query(SWEEP).bind(now).execute(&mut *tx).await?.rows_affected())
    }
}
