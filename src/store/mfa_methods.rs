//! Second factors. What they prove with is sealed; `users.mfa_enrolled_at` follows them in the same transaction.

use super::{BackupCodeRow, Db, StoreError, StoreResult, access_tx, read, users::HOLD, write_tx};
use crate::core::{
    Timestamp,
    id::{MethodId, SessionId, UserId},
};

#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct MethodRow {
    pub id: MethodId,
    pub user_id: UserId,
    /// `webauthn` or `totp`.
    pub kind: String,
    pub label: String,
    pub secret: Vec<u8>,
    /// Of a passkey or security key.
    pub credential_id: Option<Vec<u8>>,
    pub created_at: Timestamp,
    /// `None` while its owner has not shown that it works.
    pub confirmed_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
}

impl std::fmt::Debug for MethodRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MethodRow({} {} of {})", self.kind, self.id, self.user_id)
    }
}

/// Why a factor may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grounds {
    /// It is to be the person's first.
    First,
    /// The person has proved one that they have.
    Proved,
}

/// What is confirmed.
#[derive(Clone, Debug)]
pub enum Factor {
    /// Added before; the step that proved it is used up.
    Totp { id: MethodId, step: i64 },
    /// Proved by its own ceremony; the row is added now.
    WebAuthn(MethodRow),
}

/// A factor that becomes good, and the backup codes that are issued if it is the first.
#[derive(Clone, Debug)]
pub struct NewFactor {
    pub user: UserId,
    /// By which they add it; it must not have ended. `None` for whoever may open the database itself.
    pub session: Option<SessionId>,
    pub factor: Factor,
    pub grounds: Grounds,
    pub codes: Vec<BackupCodeRow>,
    pub at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmed {
    pub first: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The person has no factor any more.
    pub last: bool,
}

macro_rules! columns {
    () => {
        "id, user_id, kind, label, secret, credential_id, created_at, confirmed_at, last_used_at"
    };
}

const INSERT: &str =
    concat!("INSERT INTO mfa_methods (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
const OF_USER: &str =
    concat!("SELECT ", columns!(), " FROM mfa_methods WHERE user_id = $1 ORDER BY created_at, id");
const BY_CREDENTIAL: &str =
    concat!("SELECT ", columns!(), " FROM mfa_methods WHERE credential_id = $1 AND confirmed_at IS NOT NULL");
const ALL: &str = concat!("SELECT ", columns!(), " FROM mfa_methods ORDER BY id");
const DROP_PENDING: &str =
    "DELETE FROM mfa_methods WHERE user_id = $1 AND kind = $2 AND confirmed_at IS NULL";
const CONFIRM: &str = "UPDATE mfa_methods SET confirmed_at = $1, last_used_at = $1 \
     WHERE id = $2 AND user_id = $3 AND confirmed_at IS NULL";
const ENROL: &str = "UPDATE users SET mfa_enrolled_at = $1 WHERE id = $2 AND mfa_enrolled_at IS NULL";
const FIRST_STEP: &str = "INSERT INTO totp_steps (method_id, step) VALUES ($1, $2)";
const RENAME: &str = "UPDATE mfa_methods SET label = $1 WHERE id = $2 AND user_id = $3";
const USED: &str = "UPDATE mfa_methods SET last_used_at = $1 WHERE id = $2";
const REPLACE: &str = "UPDATE mfa_methods SET secret = $1, last_used_at = COALESCE($2, last_used_at) \
     WHERE id = $3 AND secret = $4";
const REMOVE: &str = "DELETE FROM mfa_methods WHERE id = $1 AND user_id = $2";
const REMOVE_ALL: &str = "DELETE FROM mfa_methods WHERE user_id = $1";
const CONFIRMED: &str = "SELECT COUNT(*) FROM mfa_methods WHERE user_id = $1 AND confirmed_at IS NOT NULL";
const FORGET_PREFERENCE: &str = "UPDATE users SET preferred_mfa = NULL WHERE id = $1 AND NOT EXISTS \
     (SELECT 1 FROM mfa_methods m WHERE m.user_id = users.id AND m.kind = users.preferred_mfa \
      AND m.confirmed_at IS NOT NULL)";
const WITHDRAW: &str = "UPDATE users SET mfa_enrolled_at = NULL WHERE id = $1";
const DROP_CODES: &str = "DELETE FROM backup_codes WHERE user_id = $1";
const DISTRUST: &str = "UPDATE trusted_devices SET revoked_at = $1 WHERE user_id = $2 AND revoked_at IS NULL";

macro_rules! insert_method {
    ($method:expr) => {
        sqlx::query(INSERT)
            .bind($method.id)
            .bind($method.user_id)
            .bind(&$method.kind)
            .bind(&$method.label)
            .bind(&$method.secret)
            .bind(&$method.credential_id)
            .bind($method.created_at)
            .bind($method.confirmed_at)
            .bind($method.last_used_at)
    };
}

/// Whether somebody is let in by a session of theirs.
const IS_IN: &str = "SELECT COUNT(*) FROM sessions JOIN users ON users.id = sessions.user_id \
     WHERE sessions.id = $1 AND users.id = $2 AND sessions.revoked_at IS NULL AND users.locked_at IS NULL";

impl Db {
    /// Adds a factor that is not confirmed yet, in the place of an earlier one of its kind.
    pub async fn add_pending_method(&self, method: &MethodRow) -> StoreResult<()> {
        write_tx!(self, tx => {
            sqlx::query(DROP_PENDING).bind(method.user_id).bind(&method.kind).execute(&mut *tx).await?;
            insert_method!(method).execute(&mut *tx).await?;
        })
    }

    /// Makes a factor good. Fails with `Exists` when it was to be the first and is not, or when its credential is
    /// registered already; with `NotFound` when it is not waiting to be confirmed, when the session has ended or its
    /// person is locked, and when the factor that was proved before is gone.
    pub async fn confirm_method(&self, new: &NewFactor) -> StoreResult<Confirmed> {
        access_tx!(self, tx => {
            sqlx::query(HOLD).bind(new.user).execute(&mut *tx).await?;
            if let Some(session) = new.session {
                let live: i64 =
                    sqlx::query_scalar(IS_IN).bind(session).bind(new.user).fetch_one(&mut *tx).await?;
                if live == 0 {
                    return Err(StoreError::NotFound("the session".to_owned()));
                }
            }
            let enrolled = sqlx::query(ENROL).bind(new.at).bind(new.user).execute(&mut *tx).await?;
            let first = enrolled.rows_affected() == 1;
            if !first && new.grounds == Grounds::First {
                return Err(StoreError::Exists("a second factor".to_owned()));
            }
            if first && new.grounds == Grounds::Proved {
                return Err(StoreError::NotFound("the factor that was proved".to_owned()));
            }
            match &new.factor {
                Factor::Totp { id, step } => {
                    let query = sqlx::query(CONFIRM).bind(new.at);
                    let done = query.bind(*id).bind(new.user).execute(&mut *tx).await?;
                    if done.rows_affected() == 0 {
                        return Err(StoreError::NotFound(format!("a factor {id} to be confirmed")));
                    }
                    sqlx::query(FIRST_STEP).bind(*id).bind(*step).execute(&mut *tx).await?;
                }
                Factor::WebAuthn(method) => {
                    let taken = |error| StoreError::or_exists(error, || "this security key".to_owned());
                    insert_method!(method).execute(&mut *tx).await.map_err(taken)?;
                }
            }
            if first {
                sqlx::query(DROP_CODES).bind(new.user).execute(&mut *tx).await?;
                for code in &new.codes {
                    super::backup_codes::insert_code!(code).execute(&mut *tx).await?;
                }
            }
            Confirmed { first }
        })
    }

    /// Confirmed and waiting ones, in the order of their making.
    pub async fn methods_of(&self, user: UserId) -> StoreResult<Vec<MethodRow>> {
        Ok(read!(self, pool => sqlx::query_as(OF_USER).bind(user).fetch_all(pool).await)?)
    }

    /// The confirmed factor with this credential, whoever owns it.
    pub async fn method_by_credential(&self, credential: &[u8]) -> StoreResult<Option<MethodRow>> {
        Ok(read!(self, pool => sqlx::query_as(BY_CREDENTIAL).bind(credential).fetch_optional(pool).await)?)
    }

    /// Everyone's.
    pub async fn all_methods(&self) -> StoreResult<Vec<MethodRow>> {
        Ok(read!(self, pool => sqlx::query_as(ALL).fetch_all(pool).await)?)
    }

    pub async fn rename_method(&self, user: UserId, id: MethodId, label: &str) -> StoreResult<()> {
        write_tx!(self, tx => {
            let done = sqlx::query(RENAME).bind(label).bind(id).bind(user).execute(&mut *tx).await?;
            if done.rows_affected() == 0 {
                return Err(StoreError::NotFound(format!("the factor {id}")));
            }
        })
    }

    /// False when the factor is gone.
    pub async fn note_method_use(&self, id: MethodId, now: Timestamp) -> StoreResult<bool> {
        write_tx!(self, tx => {
            sqlx::query(USED).bind(now).bind(id).execute(&mut *tx).await?.rows_affected() == 1
        })
    }

    /// Puts `new` in the place of `old`; false when another was faster.
    pub async fn replace_method_secret(
        &self,
        id: MethodId,
        old: &[u8],
        new: &[u8],
        used_at: Option<Timestamp>,
    ) -> StoreResult<bool> {
        write_tx!(self, tx => {
            let query = sqlx::query(REPLACE).bind(new).bind(used_at).bind(id).bind(old);
            query.execute(&mut *tx).await?.rows_affected() == 1
        })
    }

    /// Removes a factor. With the last one go the backup codes and the trust in devices.
    pub async fn remove_method(&self, user: UserId, id: MethodId, now: Timestamp) -> StoreResult<Removed> {
        access_tx!(self, tx => {
            sqlx::query(HOLD).bind(user).execute(&mut *tx).await?;
            if sqlx::query(REMOVE).bind(id).bind(user).execute(&mut *tx).await?.rows_affected() == 0 {
                return Err(StoreError::NotFound(format!("the factor {id}")));
            }
            sqlx::query(FORGET_PREFERENCE).bind(user).execute(&mut *tx).await?;
            let left: i64 = sqlx::query_scalar(CONFIRMED).bind(user).fetch_one(&mut *tx).await?;
            if left == 0 {
                sqlx::query(WITHDRAW).bind(user).execute(&mut *tx).await?;
                sqlx::query(DROP_CODES).bind(user).execute(&mut *tx).await?;
                sqlx::query(DISTRUST).bind(now).bind(user).execute(&mut *tx).await?;
            }
            Removed { last: left == 0 }
        })
    }

    /// Takes all factors of a person away, as for one who lost them: they enrol anew at their next login.
    pub async fn reset_mfa(&self, user: UserId, now: Timestamp) -> StoreResult<u64> {
        access_tx!(self, tx => {
            sqlx::query(HOLD).bind(user).execute(&mut *tx).await?;
            let removed = sqlx::query(REMOVE_ALL).bind(user).execute(&mut *tx).await?.rows_affected();
            sqlx::query(FORGET_PREFERENCE).bind(user).execute(&mut *tx).await?;
            sqlx::query(WITHDRAW).bind(user).execute(&mut *tx).await?;
            sqlx::query(DROP_CODES).bind(user).execute(&mut *tx).await?;
            sqlx::query(DISTRUST).bind(now).bind(user).execute(&mut *tx).await?;
            removed
        })
    }
}
