//! Sessions of people, in the browser and on the command line. Only the SHA-256 of the secret is kept.

use super::{Db, StoreError, StoreResult, access_tx, read, write_tx};
use crate::core::{
    Timestamp,
    id::{SessionId, UserId},
};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SessionRow {
    pub id: SessionId,
    pub user_id: UserId,
    pub hash: Vec<u8>,
    /// `web` or `cli`.
    pub channel: String,
    /// How the person logged in: `oidc:<name>`, `github`, `passkey`, `link`.
    pub method: String,
    pub created_at: Timestamp,
    pub last_seen_at: Timestamp,
    /// When the secret was made: at the login or at the last rotation.
    pub rotated_at: Timestamp,
    /// The absolute limit.
    pub expires_at: Timestamp,
    /// The last proof of a second factor.
    pub step_up_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub revoked_why: Option<String>,
    pub ip: String,
    pub user_agent: String,
    pub device_id: String,
    pub device_name: String,
}

impl SessionRow {
    /// One that begins `now`, of a browser that is not known, with no proof of a second factor. `hash` is the SHA-256
    /// of its secret.
    pub fn new(user: UserId, hash: &[u8], now: Timestamp, expires_at: Timestamp) -> Self {
        Self {
            id: SessionId::new(now),
            user_id: user,
            hash: hash.to_vec(),
            channel: "web".to_owned(),
            method: "passkey".to_owned(),
            created_at: now,
            last_seen_at: now,
            rotated_at: now,
            expires_at,
            step_up_at: None,
            revoked_at: None,
            revoked_why: None,
            ip: String::new(),
            user_agent: String::new(),
            device_id: String::new(),
            device_name: String::new(),
        }
    }
}

macro_rules! columns {
    () => {
        "id, user_id, hash, channel, method, created_at, last_seen_at, rotated_at, expires_at, step_up_at, \
         revoked_at, revoked_why, ip, user_agent, device_id, device_name"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO sessions (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
);
/// Those that ended long ago give no rights and would only be carried along.
const LIVE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM sessions WHERE revoked_at IS NULL AND expires_at > $1 ORDER BY created_at, id"
);
/// One that has not ended.
pub(super) const LIVE_BY_ID: &str =
    concat!("SELECT ", columns!(), " FROM sessions WHERE id = $1 AND revoked_at IS NULL");
const OF_USER: &str =
    concat!("SELECT ", columns!(), " FROM sessions WHERE user_id = $1 ORDER BY created_at DESC, id DESC");
const REVOKE: &str = "UPDATE sessions SET revoked_at = $1, revoked_why = $2 WHERE id = $3 AND user_id = $4 AND revoked_at IS NULL";
pub(super) const REVOKE_ALL: &str =
    "UPDATE sessions SET revoked_at = $1, revoked_why = $2 WHERE user_id = $3 AND revoked_at IS NULL";
pub(super) const FORGET_STEP_UP: &str =
    "UPDATE sessions SET step_up_at = NULL WHERE user_id = $1 AND step_up_at IS NOT NULL";
const REVOKE_OTHERS: &str = "UPDATE sessions SET revoked_at = $1, revoked_why = $2 \
     WHERE user_id = $3 AND id <> $4 AND revoked_at IS NULL";
const SEEN: &str = "UPDATE sessions SET last_seen_at = $1 WHERE id = $2 AND last_seen_at < $1";
const SEEN_SINCE: &str =
    "SELECT id, last_seen_at FROM sessions WHERE last_seen_at > $1 AND revoked_at IS NULL";
const STEP_UP: &str = "UPDATE sessions SET step_up_at = $1, rotated_at = $1, hash = $2 \
     WHERE id = $3 AND hash = $4 AND revoked_at IS NULL";

const ROTATE: &str = "UPDATE sessions SET hash = $1, rotated_at = $2 \
     WHERE id = $3 AND hash = $4 AND revoked_at IS NULL";
const NOTE_STEP_UP: &str = "UPDATE sessions SET step_up_at = $1 WHERE id = $2 AND revoked_at IS NULL";

/// An update that met no row found no session that is still open.
fn was_live(id: SessionId, rows: u64) -> StoreResult<()> {
    if rows == 0 {
        return Err(StoreError::NotFound(format!("a live session {id}")));
    }
    Ok(())
}

impl Db {
    pub async fn add_session(&self, session: &SessionRow) -> StoreResult<()> {
        access_tx!(self, tx => {
            sqlx::query(INSERT)
                .bind(session.id)
                .bind(session.user_id)
                .bind(&session.hash)
                .bind(&session.channel)
                .bind(&session.method)
                .bind(session.created_at)
                .bind(session.last_seen_at)
                .bind(session.rotated_at)
                .bind(session.expires_at)
                .bind(session.step_up_at)
                .bind(session.revoked_at)
                .bind(&session.revoked_why)
                .bind(&session.ip)
                .bind(&session.user_agent)
                .bind(&session.device_id)
                .bind(&session.device_name)
                .execute(&mut *tx)
                .await?;
        })
    }

    /// Sessions that are neither revoked nor past their absolute limit.
    pub async fn live_sessions(&self, now: Timestamp) -> StoreResult<Vec<SessionRow>> {
        Ok(read!(self, pool => sqlx::query_as(LIVE).bind(now).fetch_all(pool).await)?)
    }

    /// All of one person's, ended ones too, newest first.
    pub async fn sessions_of(&self, user: UserId) -> StoreResult<Vec<SessionRow>> {
        Ok(read!(self, pool => sqlx::query_as(OF_USER).bind(user).fetch_all(pool).await)?)
    }

    /// Fails with `NotFound` when the person has no such session or it has ended already.
    pub async fn revoke_session(
        &self,
        user: UserId,
        id: SessionId,
        why: &str,
        now: Timestamp,
    ) -> StoreResult<()> {
        access_tx!(self, tx => {
            let done =
                sqlx::query(REVOKE).bind(now).bind(why).bind(id).bind(user).execute(&mut *tx).await?;
            was_live(id, done.rows_affected())?;
        })
    }

    /// Ends every session of the person; the number of those that were open.
    pub async fn revoke_sessions(&self, user: UserId, why: &str, now: Timestamp) -> StoreResult<u64> {
        access_tx!(self, tx => {
            sqlx::query(REVOKE_ALL).bind(now).bind(why).bind(user).execute(&mut *tx).await?.rows_affected()
        })
    }

    /// Notes a proof of a second factor, and gives the session a new secret: whoever held the old one alone
    /// does not profit from the proof. Fails with `NotFound` when the session ended or was rotated meanwhile.
    pub async fn step_up_session(
        &self,
        id: SessionId,
        old_hash: &[u8],
        new_hash: &[u8],
        now: Timestamp,
    ) -> StoreResult<()> {
        access_tx!(self, tx => {
            let done =
                sqlx::query(STEP_UP).bind(now).bind(new_hash).bind(id).bind(old_hash).execute(&mut *tx).await?;
            was_live(id, done.rows_affected())?;
        })
    }

    /// Gives the session a new secret. Fails with `NotFound` when it ended or was rotated meanwhile.
    pub async fn rotate_session(
        &self,
        id: SessionId,
        old_hash: &[u8],
        new_hash: &[u8],
        now: Timestamp,
    ) -> StoreResult<()> {
        access_tx!(self, tx => {
            let done =
                sqlx::query(ROTATE).bind(new_hash).bind(now).bind(id).bind(old_hash).execute(&mut *tx).await?;
            was_live(id, done.rows_affected())?;
        })
    }

    /// Notes a proof of a second factor; the secret stays.
    pub async fn note_step_up(&self, id: SessionId, now: Timestamp) -> StoreResult<()> {
        access_tx!(self, tx => {
            let done = sqlx::query(NOTE_STEP_UP).bind(now).bind(id).execute(&mut *tx).await?;
            was_live(id, done.rows_affected())?;
        })
    }

    /// Ends every session of the person but one; the number of those that were open.
    pub async fn revoke_other_sessions(
        &self,
        user: UserId,
        keep: SessionId,
        why: &str,
        now: Timestamp,
    ) -> StoreResult<u64> {
        access_tx!(self, tx => {
            let done = sqlx::query(REVOKE_OTHERS).bind(now).bind(why).bind(user).bind(keep);
            done.execute(&mut *tx).await?.rows_affected()
        })
    }

    /// Notes uses in one transaction. Does not advance the epoch: nobody's rights change.
    pub async fn note_session_uses(&self, uses: &[(SessionId, Timestamp)]) -> StoreResult<()> {
        write_tx!(self, tx => {
            for (id, at) in uses {
                sqlx::query(SEEN).bind(*at).bind(*id).execute(&mut *tx).await?;
            }
        })
    }

    /// What other replicas noted after `since`.
    pub async fn sessions_seen_since(&self, since: Timestamp) -> StoreResult<Vec<(SessionId, Timestamp)>> {
        Ok(read!(self, pool => sqlx::query_as(SEEN_SINCE).bind(since).fetch_all(pool).await)?)
    }
}
