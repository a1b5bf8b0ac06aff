//! Logins of the command line that are under way. What a client holds is known here by its SHA-256 alone, and taking
//! one out deletes it, so that of two who try, one gets it.

use super::{Db, StoreError, StoreResult, read, users::HOLD, write_tx};
use crate::core::{
    Timestamp,
    id::{AttemptId, CliLoginId, SessionId, UserId},
};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct CliLoginRow {
    pub id: CliLoginId,
    /// Of what the client takes its session with; a loopback login has none until it is approved.
    pub hash: Option<Vec<u8>>,
    /// `poll`, `device` or `loopback`.
    pub flow: String,
    /// Eight letters.
    pub user_code: String,
    /// PKCE, method S256.
    pub code_challenge: Option<String>,
    pub redirect_uri: Option<String>,
    /// What the client wants back with the redirect.
    pub client_state: Option<String>,
    pub device_id: String,
    pub device_name: String,
    pub ip: String,
    pub user_agent: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// Seconds.
    pub poll_interval: i64,
    pub polled_at: Option<Timestamp>,
    pub approved_by: Option<UserId>,
    pub approved_session: Option<SessionId>,
    /// When the factor was proved that came along with the approval; none where the browser's session was fresh, or
    /// roles have changed since.
    #[sqlx(rename = "approved_at")]
    pub proved_at: Option<Timestamp>,
    pub denied_at: Option<Timestamp>,
}

/// Who said yes, as long as that session and its owner are good.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ApproverRow {
    pub user_id: UserId,
    pub email: String,
    pub name: String,
    pub mfa_enrolled_at: Option<Timestamp>,
    pub method: String,
    pub step_up_at: Option<Timestamp>,
}

macro_rules! columns {
    () => {
        "id, hash, flow, user_code, code_challenge, redirect_uri, client_state, device_id, device_name, ip, \
         user_agent, created_at, expires_at, poll_interval, polled_at, approved_by, approved_session, \
         approved_at, denied_at"
    };
}

const INSERT: &str = "INSERT INTO cli_logins (id, hash, flow, user_code, code_challenge, redirect_uri, client_state, \
     device_id, device_name, ip, user_agent, created_at, expires_at, poll_interval) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
const BY_HASH: &str = concat!("SELECT ", columns!(), " FROM cli_logins WHERE hash = $1 AND flow = $2");
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM cli_logins WHERE id = $1");
const BY_USER_CODE: &str = concat!("SELECT ", columns!(), " FROM cli_logins WHERE user_code = $1");
const OPEN_FROM: &str = "SELECT COUNT(*) FROM cli_logins WHERE ip = $1 AND expires_at > $2";
const POLLED: &str = "UPDATE cli_logins SET polled_at = $1, poll_interval = $2 WHERE id = $3";
const APPROVE: &str = "UPDATE cli_logins SET approved_by = $1, approved_session = $2, approved_at = $3, \
     hash = COALESCE($4, hash) \
     WHERE id = $5 AND approved_by IS NULL AND denied_at IS NULL AND expires_at > $6";
pub(super) const FORGET_PROOFS: &str =
    "UPDATE cli_logins SET approved_at = NULL WHERE approved_by = $1 AND approved_at IS NOT NULL";
const DENY: &str = "UPDATE cli_logins SET denied_at = $1 \
     WHERE id = $2 AND approved_by IS NULL AND denied_at IS NULL AND expires_at > $1";
const TAKE: &str = concat!(
    "DELETE FROM cli_logins WHERE id = $1 AND approved_by IS NOT NULL AND denied_at IS NULL AND expires_at > $2 \
     RETURNING ",
    columns!()
);
const DROP: &str = "DELETE FROM cli_logins WHERE id = $1";
const APPROVER: &str = "SELECT u.id AS user_id, u.email, u.name, u.mfa_enrolled_at, s.method, s.step_up_at \
     FROM sessions s JOIN users u ON u.id = s.user_id \
     WHERE s.id = $1 AND s.revoked_at IS NULL AND s.expires_at > $2 AND u.locked_at IS NULL";
const SWEEP: &str = "DELETE FROM cli_logins WHERE expires_at <= $1";
const GUESS: &str = "INSERT INTO attempts (id, subject, kind, at) VALUES ($1, $2, 'cli_user_code', $3)";
const GUESSES: &str =
    "SELECT COUNT(*) FROM attempts WHERE subject = $1 AND kind = 'cli_user_code' AND at > $2";

impl Db {
    /// Fails with `Exists` when another login has the same user code.
    pub async fn add_cli_login(&self, login: &CliLoginRow) -> StoreResult<()> {
        write_tx!(self, tx => {
            sqlx::query(INSERT)
                .bind(login.id)
                .bind(&login.hash)
                .bind(&login.flow)
                .bind(&login.user_code)
                .bind(&login.code_challenge)
                .bind(&login.redirect_uri)
                .bind(&login.client_state)
                .bind(&login.device_id)
                .bind(&login.device_name)
                .bind(&login.ip)
                .bind(&login.user_agent)
                .bind(login.created_at)
                .bind(login.expires_at)
                .bind(login.poll_interval)
                .execute(&mut *tx)
                .await
                .map_err(|error| StoreError::or_exists(error, || "a login with this code".to_owned()))?;
        })
    }

    /// The login whose client holds the secret with this hash, in whatever state it is.
    pub async fn cli_login_by_hash(&self, hash: &[u8], flow: &str) -> StoreResult<Option<CliLoginRow>> {
        Ok(read!(self, pool => sqlx::query_as(BY_HASH).bind(hash).bind(flow).fetch_optional(pool).await)?)
    }

    pub async fn cli_login(&self, id: CliLoginId) -> StoreResult<Option<CliLoginRow>> {
        Ok(read!(self, pool => sqlx::query_as(BY_ID).bind(id).fetch_optional(pool).await)?)
    }

    pub async fn cli_login_by_user_code(&self, code: &str) -> StoreResult<Option<CliLoginRow>> {
        Ok(read!(self, pool => sqlx::query_as(BY_USER_CODE).bind(code).fetch_optional(pool).await)?)
    }

    /// How many logins begun at this address have not expired.
    pub async fn open_cli_logins_from(&self, ip: &str, now: Timestamp) -> StoreResult<i64> {
        Ok(read!(self, pool => sqlx::query_scalar(OPEN_FROM).bind(ip).bind(now).fetch_one(pool).await)?)
    }

    pub async fn note_cli_login_poll(
        &self,
        id: CliLoginId,
        interval: i64,
        now: Timestamp,
    ) -> StoreResult<()> {
        write_tx!(self, tx => {
            sqlx::query(POLLED).bind(now).bind(interval).bind(id).execute(&mut *tx).await?;
        })
    }

    /// A person says yes. `proved_at` is of a factor that came along with it; `code_hash` is of the code that the
    /// redirect carries. False when the login is decided, expired or unknown.
    pub async fn approve_cli_login(
        &self,
        id: CliLoginId,
        by: (UserId, SessionId),
        proved_at: Option<Timestamp>,
        code_hash: Option<&[u8]>,
        now: Timestamp,
    ) -> StoreResult<bool> {
        write_tx!(self, tx => {
            let done = sqlx::query(APPROVE)
                .bind(by.0)
                .bind(by.1)
                .bind(proved_at)
                .bind(code_hash)
                .bind(id)
                .bind(now)
                .execute(&mut *tx)
                .await?;
            done.rows_affected() == 1
        })
    }

    /// A person says no. False when the login is decided, expired or unknown.
    pub async fn deny_cli_login(&self, id: CliLoginId, now: Timestamp) -> StoreResult<bool> {
        write_tx!(self, tx => {
            sqlx::query(DENY).bind(now).bind(id).execute(&mut *tx).await?.rows_affected() == 1
        })
    }

    /// Takes an approved login out: of two that try, one gets it.
    pub async fn take_cli_login(&self, id: CliLoginId, now: Timestamp) -> StoreResult<Option<CliLoginRow>> {
        write_tx!(self, tx => sqlx::query_as(TAKE).bind(id).bind(now).fetch_optional(&mut *tx).await?)
    }

    /// Forgets a login, whatever its state.
    pub async fn drop_cli_login(&self, id: CliLoginId) -> StoreResult<()> {
        write_tx!(self, tx => {
            sqlx::query(DROP).bind(id).execute(&mut *tx).await?;
        })
    }

    /// The person behind a session that is good at `now`, and their standing.
    pub async fn cli_login_approver(
        &self,
        session: SessionId,
        now: Timestamp,
    ) -> StoreResult<Option<ApproverRow>> {
        Ok(read!(self, pool => sqlx::query_as(APPROVER).bind(session).bind(now).fetch_optional(pool).await)?)
    }

    /// Forgets the expired ones.
    pub async fn sweep_cli_logins(&self, now: Timestamp) -> StoreResult<u64> {
        write_tx!(self, tx => sqlx::query(SWEEP).bind(now).execute(&mut *tx).await?.rows_affected())
    }

    /// Takes one of the `budget` guesses of a user code that a person has in the time after `since`; `None` when there
    /// is none left. A guess is paid for before it is looked at, and given back by `return_attempt` when it was right.
    pub async fn reserve_user_code(
        &self,
        user: UserId,
        budget: i64,
        since: Timestamp,
        now: Timestamp,
    ) -> StoreResult<Option<AttemptId>> {
        let subject = user.to_string();
        write_tx!(self, tx => {
            sqlx::query(HOLD).bind(user).execute(&mut *tx).await?;
            let used: i64 =
                sqlx::query_scalar(GUESSES).bind(&subject).bind(since).fetch_one(&mut *tx).await?;
            if used >= budget {
                None
            } else {
                let id = AttemptId::new(now);
                sqlx::query(GUESS).bind(id).bind(&subject).bind(now).execute(&mut *tx).await?;
                Some(id)
            }
        })
    }
}
