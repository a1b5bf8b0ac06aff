//! Codes on paper, for those who lost their other factors. Each is good once.

use super::{Db, StoreResult, read, users::HOLD, write_tx};
use crate::core::{
    Timestamp,
    id::{BackupCodeId, UserId},
};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct BackupCodeRow {
    pub id: BackupCodeId,
    pub user_id: UserId,
    /// Argon2, in PHC form.
    pub hash: String,
    pub created_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

pub(super) const INSERT: &str =
    "INSERT INTO backup_codes (id, user_id, hash, created_at, used_at) VALUES ($1, $2, $3, $4, $5)";
const OF_USER: &str =
    "SELECT id, user_id, hash, created_at, used_at FROM backup_codes WHERE user_id = $1 ORDER BY id";
const DROP: &str = "DELETE FROM backup_codes WHERE user_id = $1";
const USE: &str = "UPDATE backup_codes SET used_at = $1 WHERE id = $2 AND user_id = $3 AND used_at IS NULL";

macro_rules! insert_code {
    ($code:expr) => {
        sqlx::query(crate::store::backup_codes::INSERT)
            .bind($code.id)
            .bind($code.user_id)
            .bind(&$code.hash)
            .bind($code.created_at)
            .bind($code.used_at)
    };
}

pub(super) use insert_code;

impl Db {
    /// Used ones too.
    pub async fn backup_codes_of(&self, user: UserId) -> StoreResult<Vec<BackupCodeRow>> {
        Ok(read!(self, pool => sqlx::query_as(OF_USER).bind(user).fetch_all(pool).await)?)
    }

    /// Puts `codes` in the place of all that the person had.
    pub async fn replace_backup_codes(&self, user: UserId, codes: &[BackupCodeRow]) -> StoreResult<()> {
        write_tx!(self, tx => {
            sqlx::query(HOLD).bind(user).execute(&mut *tx).await?;
            sqlx::query(DROP).bind(user).execute(&mut *tx).await?;
            for code in codes {
                insert_code!(code).execute(&mut *tx).await?;
            }
        })
    }

    /// Uses the code up; of several that try, one is told `true`.
    pub async fn use_backup_code(&self, user: UserId, id: BackupCodeId, now: Timestamp) -> StoreResult<bool> {
        write_tx!(self, tx => {
            sqlx::query(USE).bind(now).bind(id).bind(user).execute(&mut *tx).await?.rows_affected() == 1
        })
    }
}
