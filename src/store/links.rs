//! One-time links: the first administrator's, and invitations. Only the SHA-256 of the secret is kept.

use super::{Db, StoreError, StoreResult, access_tx, read, users, write_tx};
use crate::core::{
    Timestamp,
    id::{LinkId, UserId},
};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct LinkRow {
    pub id: LinkId,
    pub hash: Vec<u8>,
    /// `bootstrap`, `invitation` or `enrolment`.
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

pub(super) const INSERT: &str = concat!(
    "INSERT INTO links (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
);

/// Binds a link's columns in the order of [`INSERT`].
macro_rules! bind_link {
    ($link:expr) => {
        sqlx::query(crate::store::links::INSERT)
            .bind($link.id)
            .bind(&$link.hash)
            .bind(&$link.kind)
            .bind(&$link.email)
            .bind(&$link.name)
            .bind(&$link.role)
            .bind(&$link.target)
            .bind($link.created_by)
            .bind($link.created_at)
            .bind($link.expires_at)
            .bind($link.used_at)
            .bind($link.revoked_at)
    };
}

pub(super) use bind_link;

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
/// Expired ones too.
pub(super) const OFFERING: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM links WHERE kind = 'invitation' AND role IS NOT NULL AND used_at IS NULL AND revoked_at IS NULL"
);
/// Whoever is not let in any more lets nobody in.
pub(super) const REVOKE_INVITATIONS_OF: &str = "UPDATE links SET revoked_at = $1 \
     WHERE created_by = $2 AND kind = 'invitation' AND used_at IS NULL AND revoked_at IS NULL";
pub(super) const DELETE_INVITATIONS_OF: &str =
    "DELETE FROM links WHERE created_by = $1 AND kind = 'invitation' AND used_at IS NULL";
/// Whom a link names is here, is gone, or has another address now: none lets in whoever comes with an old one.
pub(super) const REVOKE_FOR: &str = "UPDATE links SET revoked_at = $1 \
     WHERE email = $2 AND kind IN ('invitation', 'enrolment') AND used_at IS NULL AND revoked_at IS NULL";
const REVOKE: &str =
    "UPDATE links SET revoked_at = $1 WHERE id = $2 AND kind = $3 AND used_at IS NULL AND revoked_at IS NULL";
/// TOTP does not count: it is no way in by itself.
const WAYS_IN: &str = "SELECT (SELECT COUNT(*) FROM identities WHERE user_id = $1) \
     + (SELECT COUNT(*) FROM mfa_methods WHERE user_id = $1 AND kind = 'webauthn' AND confirmed_at IS NOT NULL)";
const REVOKE_ENROLMENTS: &str = "UPDATE links SET revoked_at = $1 \
     WHERE kind = 'enrolment' AND email = $2 AND used_at IS NULL AND revoked_at IS NULL";

impl Db {
    /// Whether somebody has an identity at a provider, or a passkey.
    pub async fn has_way_in(&self, user: UserId) -> StoreResult<bool> {
        let ways: i64 = read!(self, pool => sqlx::query_scalar(WAYS_IN).bind(user).fetch_one(pool).await)?;
        Ok(ways > 0)
    }

    /// Uses a link for somebody who is here already, and revokes the others that were made for them. Fails with
    /// `NotFound` when it is not good any more, or when they have another way in by now.
    pub async fn use_enrolment(
        &self,
        link: &LinkRow,
        user: &users::UserRow,
        now: Timestamp,
    ) -> StoreResult<()> {
        let gone = || StoreError::NotFound("a link that can still be used".to_owned());
        access_tx!(self, tx => {
            let used = sqlx::query(USE).bind(now).bind(link.id).execute(&mut *tx).await?;
            let ways: i64 = sqlx::query_scalar(WAYS_IN).bind(user.id).fetch_one(&mut *tx).await?;
            if used.rows_affected() == 0 || ways > 0 {
                return Err(gone());
            }
            let named = sqlx::query(users::SET).bind(&user.email).bind(&user.name).bind(user.id);
            named.execute(&mut *tx).await?;
            sqlx::query(REVOKE_ENROLMENTS).bind(now).bind(&link.email).execute(&mut *tx).await?;
        })
    }

    pub async fn add_link(&self, link: &LinkRow) -> StoreResult<()> {
        write_tx!(self, tx => {
            bind_link!(link).execute(&mut *tx).await?;
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
