//! People and service accounts.

use super::{Db, StoreError, StoreResult, access_tx, read};
use crate::core::{Timestamp, id::UserId};
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct UserRow {
    pub id: UserId,
    pub email: String,
    pub name: String,
    pub created_at: Timestamp,
    pub locked_at: Option<Timestamp>,
    pub locked_reason: Option<String>,
    /// When the first second factor was confirmed; `None` means that there is none.
    pub mfa_enrolled_at: Option<Timestamp>,
    pub preferred_mfa: Option<String>,
}

pub(super) const INSERT: &str = "INSERT INTO users (id, email, name, created_at) VALUES ($1, $2, $3, $4)";
pub(super) const LIST: &str = "SELECT id, email, name, created_at, locked_at, locked_reason, mfa_enrolled_at, preferred_mfa \
     FROM users ORDER BY email";
const BY_EMAIL: &str = "SELECT id, email, name, created_at, locked_at, locked_reason, mfa_enrolled_at, preferred_mfa \
     FROM users WHERE email = $1";
/// Holds the row until the transaction ends: what a transaction does after it happens once at a time for each
/// user, on both engines.
pub(super) const HOLD: &str = "UPDATE users SET name = name WHERE id = $1";
const BY_ID: &str = "SELECT id, email, name, created_at, locked_at, locked_reason, mfa_enrolled_at, preferred_mfa \
     FROM users WHERE id = $1";
const PREFER: &str = "UPDATE users SET preferred_mfa = $1 WHERE id = $2";
pub(super) const FORGIVE: &str = "DELETE FROM attempts WHERE subject = $1";
const ID_OF: &str = "SELECT id FROM users WHERE email = $1";
const LOCK: &str = "UPDATE users SET locked_at = $1, locked_reason = $2 WHERE email = $3";
pub(super) const LOCK_BY_ID: &str = "UPDATE users SET locked_at = $1, locked_reason = $2 WHERE id = $3";
pub(super) const SET: &str = "UPDATE users SET email = $1, name = $2 WHERE id = $3";
pub(super) const DELETE: &str = "DELETE FROM users WHERE id = $1";
pub(super) const RESET_MFA: &[&str] = &[
    "DELETE FROM mfa_methods WHERE user_id = $1",
    "DELETE FROM backup_codes WHERE user_id = $1",
    "DELETE FROM trusted_devices WHERE user_id = $1",
    "UPDATE users SET mfa_enrolled_at = NULL, preferred_mfa = NULL WHERE id = $1",
];

/// Binds a user's columns in the order of [`INSERT`].
macro_rules! bind_user {
    ($user:expr) => {
        sqlx::query(crate::store::users::INSERT)
            .bind($user.id)
            .bind(&$user.email)
            .bind(&$user.name)
            .bind($user.created_at)
    };
}

pub(super) use bind_user;

impl UserRow {
    /// Somebody new. `email` must be in the canonical form of `identity::email`.
    pub fn new(email: &str, name: &str, now: Timestamp) -> Self {
        Self {
            id: UserId::new(now),
            email: email.to_owned(),
            name: name.to_owned(),
            created_at: now,
            locked_at: None,
            locked_reason: None,
            mfa_enrolled_at: None,
            preferred_mfa: None,
        }
    }
}

impl Db {
    /// Adds a user. `email` must be in the canonical form of `identity::email`.
    pub async fn add_user(&self, email: &str, name: &str, now: Timestamp) -> StoreResult<UserRow> {
        let user = UserRow::new(email, name, now);
        access_tx!(self, tx => {
            bind_user!(user)
                .execute(&mut *tx)
                .await
                .map_err(|error| StoreError::or_exists(error, || format!("the user {email}")))?;
            user
        })
    }

    pub async fn users(&self) -> StoreResult<Vec<UserRow>> {
        Ok(read!(self, pool => sqlx::query_as(LIST).fetch_all(pool).await)?)
    }

    pub async fn user_by_email(&self, email: &str) -> StoreResult<UserRow> {
        let user = read!(self, pool => sqlx::query_as(BY_EMAIL).bind(email).fetch_optional(pool).await)?;
        user.ok_or_else(|| StoreError::NotFound(format!("the user {email}")))
    }

    /// Locks (`Some((when, why))`) or unlocks (`None`). Unlocking forgives the failed attempts that led to it.
    pub async fn set_user_lock(&self, email: &str, lock: Option<(Timestamp, &str)>) -> StoreResult<()> {
        let (at, reason) = (lock.map(|(at, _)| at), lock.map(|(_, reason)| reason));
        access_tx!(self, tx => {
            let done = sqlx::query(LOCK).bind(at).bind(reason).bind(email).execute(&mut *tx).await?;
            if done.rows_affected() == 0 {
                return Err(StoreError::NotFound(format!("the user {email}")));
            }
            if lock.is_none() {
                let id: UserId = sqlx::query_scalar(ID_OF).bind(email).fetch_one(&mut *tx).await?;
                sqlx::query(FORGIVE).bind(id.to_string()).execute(&mut *tx).await?;
            }
        })
    }

    pub async fn user_by_id(&self, id: UserId) -> StoreResult<Option<UserRow>> {
        Ok(read!(self, pool => sqlx::query_as(BY_ID).bind(id).fetch_optional(pool).await)?)
    }

    pub async fn set_preferred_mfa(&self, id: UserId, kind: Option<&str>) -> StoreResult<()> {
        access_tx!(self, tx => {
            sqlx::query(PREFER).bind(kind).bind(id).execute(&mut *tx).await?;
        })
    }
}
