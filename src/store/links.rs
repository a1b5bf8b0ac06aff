//! One-time links: the first administrator's, and invitations. Only the SHA-256 of the secret is kept.

use super::{Db, StoreError, StoreResult, read, write_tx};
use crate::core::{
    Timestamp,
    id::{LinkId, UserId},
};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct LinkRow {
    pub id: LinkId,
    pub hash: Vec<u8>,
    /// `bootstrap` or `invitation`.
    pub kind: String,
    /// Empty when whoever uses it says theirs.
    pub email: String,
    pub name: String,
    pub role: Option<String>,
    pub target: Option<String>,
    pub created_by: Option<UserId>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// What lets somebody new in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticket {
    /// Nothing of the database's: a group, or the configuration.
    None,
    Invitation(LinkId),
    /// Good only while there are no users.
    First(LinkId),
}

impl Ticket {
    pub(super) const fn link(self) -> Option<LinkId> {
        match self {
            Self::None => None,
            Self::Invitation(link) | Self::First(link) => Some(link),
        }
    }
}

macro_rules! columns {
    () => {
        "id, hash, kind, email, name, role, target, created_by, created_at, expires_at, used_at, revoked_at"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO links (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
);
const BY_HASH: &str = concat!("SELECT ", columns!(), " FROM links WHERE hash = $1");
const OF_KIND: &str =
    concat!("SELECT ", columns!(), " FROM links WHERE kind = $1 ORDER BY created_at DESC, id DESC");
const OPEN_FOR: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM links WHERE kind = 'invitation' AND email = $1 AND used_at IS NULL AND revoked_at IS NULL \
     AND expires_at > $2 ORDER BY created_at DESC, id DESC"
);
pub(super) const USE: &str = "UPDATE links SET used_at = $1 WHERE id = $2 AND used_at IS NULL AND revoked_at IS NULL AND expires_at > $1";
const REVOKE: &str =
    "UPDATE links SET revoked_at = $1 WHERE id = $2 AND kind = $3 AND used_at IS NULL AND revoked_at IS NULL";

impl Db {
    pub async fn add_link(&self, link: &LinkRow) -> StoreResult<()> {
        write_tx!(self, tx => {
            sqlx::query(INSERT)
                .bind(link.id)
                .bind(&link.hash)
                .bind(&link.kind)
                .bind(&link.email)
                .bind(&link.name)
                .bind(&link.role)
                .bind(&link.target)
                .bind(link.created_by)
                .bind(link.created_at)
                .bind(link.expires_at)
                .bind(link.used_at)
                .bind(link.revoked_at)
                .execute(&mut *tx)
                .await?;
        })
    }

    /// Used, revoked and expired ones too.
    pub async fn link_by_hash(&self, hash: &[u8]) -> StoreResult<Option<LinkRow>> {
        Ok(read!(self, pool => sqlx::query_as(BY_HASH).bind(hash).fetch_optional(pool).await)?)
    }

    /// All of a kind, newest first.
    pub async fn links(&self, kind: &str) -> StoreResult<Vec<LinkRow>> {
        Ok(read!(self, pool => sqlx::query_as(OF_KIND).bind(kind).fetch_all(pool).await)?)
    }

    /// The newest invitation of this address that can still be used.
    pub async fn open_invitation(&self, email: &str, now: Timestamp) -> StoreResult<Option<LinkRow>> {
        let open: Vec<LinkRow> =
            read!(self, pool => sqlx::query_as(OPEN_FOR).bind(email).bind(now).fetch_all(pool).await)?;
        Ok(open.into_iter().next())
    }

    /// Fails with `NotFound` when there is none, or it was used or revoked already.
    pub async fn revoke_link(&self, id: LinkId, kind: &str, now: Timestamp) -> StoreResult<()> {
        write_tx!(self, tx => {
            let done = sqlx::query(REVOKE).bind(now).bind(id).bind(kind).execute(&mut *tx).await?;
            if done.rows_affected() == 0 {
                return Err(StoreError::NotFound(format!("an open {kind} {id}")));
            }
        })
    }
}
