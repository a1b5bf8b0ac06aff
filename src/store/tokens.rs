//! API tokens. Only their SHA-256 is kept.

use super::{Db, GrantRow, StoreError, StoreResult, access_tx, grants::bind_grant, read, write_tx};
use crate::core::{
    Timestamp,
    id::{TokenId, UserId},
};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct TokenRow {
    pub id: TokenId,
    pub user_id: UserId,
    pub name: String,
    pub hash: Vec<u8>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    /// Who made it; `None` when it was made on the machine itself.
    pub created_by: Option<UserId>,
}

impl TokenRow {
    /// One that does not end, made on the machine itself.
    pub fn new(owner: UserId, name: impl Into<String>, hash: impl Into<Vec<u8>>, now: Timestamp) -> Self {
        Self {
            id: TokenId::new(now),
            user_id: owner,
            name: name.into(),
            hash: hash.into(),
            created_at: now,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
            created_by: None,
        }
    }
}

/// A token and its grants, written together or not at all.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub token: TokenRow,
    pub grants: Vec<GrantRow>,
}

pub(super) const INSERT: &str = "INSERT INTO tokens (id, user_id, name, hash, created_at, expires_at, created_by) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";
pub(super) const LIST: &str = "SELECT id, user_id, name, hash, created_at, expires_at, revoked_at, last_used_at, created_by \
     FROM tokens ORDER BY created_at, id";
pub(super) const SET: &str = "UPDATE tokens SET name = $1, expires_at = $2 WHERE id = $3";
pub(super) const REVOKE: &str = "UPDATE tokens SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL";
const USED: &str =
    "UPDATE tokens SET last_used_at = $1 WHERE id = $2 AND (last_used_at IS NULL OR last_used_at < $1)";

/// Binds a token's columns in the order of [`INSERT`].
macro_rules! bind_token {
    ($token:expr) => {
        sqlx::query(crate::store::tokens::INSERT)
            .bind($token.id)
            .bind($token.user_id)
            .bind(&$token.name)
            .bind(&$token.hash)
            .bind($token.created_at)
            .bind($token.expires_at)
            .bind($token.created_by)
    };
}

pub(super) use bind_token;

impl Db {
    pub async fn add_token(&self, new: &NewToken) -> StoreResult<()> {
        let token = &new.token;
        access_tx!(self, tx => {
            bind_token!(token)
                .execute(&mut *tx)
                .await
                .map_err(|error| StoreError::or_exists(error, || format!("the token {}", token.name)))?;
            for grant in &new.grants {
                bind_grant!(grant).execute(&mut *tx).await?;
            }
        })
    }

    pub async fn tokens(&self) -> StoreResult<Vec<TokenRow>> {
        Ok(read!(self, pool => sqlx::query_as(LIST).fetch_all(pool).await)?)
    }

    /// Fails with `NotFound` when there is no such token or it is revoked already.
    pub async fn revoke_token(&self, id: TokenId, now: Timestamp) -> StoreResult<()> {
        access_tx!(self, tx => {
            let done = sqlx::query(REVOKE).bind(now).bind(id).execute(&mut *tx).await?;
            if done.rows_affected() == 0 {
                return Err(StoreError::NotFound(format!("an unrevoked token {id}")));
            }
        })
    }

    /// Notes uses in one transaction. Does not advance the epoch: nobody's rights change.
    pub async fn note_token_uses(&self, uses: &[(TokenId, Timestamp)]) -> StoreResult<()> {
        write_tx!(self, tx => {
            for (id, at) in uses {
                sqlx::query(USED).bind(*at).bind(*id).execute(&mut *tx).await?;
            }
        })
    }
}
