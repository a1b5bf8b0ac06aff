//! Time steps whose code was used: each is good for one proof, whichever replica sees it first.

use super::{Db, StoreResult, write_tx};
use crate::core::{Timestamp, id::MethodId};

const USE: &str = "INSERT INTO totp_steps (method_id, step) \
     SELECT id, CAST($2 AS BIGINT) FROM mfa_methods WHERE id = $1 AND confirmed_at IS NOT NULL \
     ON CONFLICT DO NOTHING";
/// Codes of steps so old are not accepted any more.
const FORGET: &str = "DELETE FROM totp_steps WHERE method_id = $1 AND step < $2 - 20";
const USED: &str = "UPDATE mfa_methods SET last_used_at = $1 WHERE id = $2";

impl Db {
    /// Uses the step up; of several that try, one is told `true`. False as well when the factor is gone.
    pub async fn use_totp_step(&self, method: MethodId, step: i64, now: Timestamp) -> StoreResult<bool> {
        write_tx!(self, tx => {
            let fresh = sqlx::query(USE).bind(method).bind(step).execute(&mut *tx).await?.rows_affected() == 1;
            if fresh {
                sqlx::query(FORGET).bind(method).bind(step).execute(&mut *tx).await?;
                sqlx::query(USED).bind(now).bind(method).execute(&mut *tx).await?;
            }
            fresh
        })
    }
}
