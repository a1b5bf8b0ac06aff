//! Sessions of people: opened at a login, rotated at a proof of a second factor, ended by a logout, by who may end
//! them, or by the clock.

mod limits;
mod usage;

pub use limits::{IdleLimits, SessionLimits};
pub use usage::SessionUsage;

use super::{
    AccessCache, Channel,
    settings::Settings,
    token::{self, TokenHash},
};
use crate::{
    core::{
        Secret, SharedClock, Timestamp,
        id::{SessionId, UserId},
    },
    store::{Db, SessionRow, StoreError, StoreResult},
};
use std::{net::IpAddr, sync::Arc};

/// What is known at a login.
#[derive(Clone, Debug)]
pub struct NewSession {
    pub user: UserId,
    pub channel: Channel,
    /// How the person logged in: `oidc:<name>`, `github`, `passkey`, `link`.
    pub method: String,
    /// When a second factor was proved in the course of the login.
    pub step_up: Option<Timestamp>,
    pub device: Device,
    pub ip: IpAddr,
    pub user_agent: String,
}

/// What a command line says of the machine it runs on; empty for browsers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    pub id: String,
    pub name: String,
}

/// Characters of what a client says of itself that are kept.
const LONGEST: usize = 512;

/// Opens and ends sessions. What it does is in force for the next request on this replica when it returns, and on
/// the others within the time of the access cache. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sessions {
    db: Db,
    access: Arc<AccessCache>,
    clock: SharedClock,
    limits: SessionLimits,
}

impl Sessions {
    pub const fn new(db: Db, access: Arc<AccessCache>, clock: SharedClock, limits: SessionLimits) -> Self {
        Self { db, access, clock, limits }
    }

    /// Begins a session under a new secret, whatever the client brought along.
    pub async fn open(&self, new: NewSession) -> StoreResult<(Secret, SessionRow)> {
        let (secret, now) = (token::generate_session(), self.clock.now());
        let row = SessionRow {
            channel: new.channel.as_str().to_owned(),
            method: new.method,
            step_up_at: new.step_up,
            ip: new.ip.to_string(),
            user_agent: cut(&new.user_agent),
            device_id: cut(&new.device.id),
            device_name: cut(&new.device.name),
            ..SessionRow::new(
                new.user,
                TokenHash::of(secret.expose()).as_bytes(),
                now,
                self.limits.end(new.channel, now),
            )
        };
        self.db.add_session(&row).await?;
        self.access.refresh().await?;
        Ok((secret, row))
    }

    /// Notes a proof of a second factor under a new secret, which the caller hands to the client; the old one is
    /// worth nothing any more. `NotFound` when the session ended or was rotated meanwhile.
    pub async fn prove(&self, session: SessionId) -> StoreResult<Secret> {
        let (secret, now) = (token::generate_session(), self.clock.now());
        let unknown = || StoreError::NotFound(format!("a live session {session}"));
        let old = self.access.session_hash(session).ok_or_else(unknown)?;
        let new = TokenHash::of(secret.expose());
        self.db.step_up_session(session, old.as_bytes(), new.as_bytes(), now).await?;
        self.access.refresh().await?;
        Ok(secret)
    }

    /// Gives the session a new secret and leaves all else: when its rights have grown since the old one was made.
    pub async fn rotate(&self, session: SessionId) -> StoreResult<Secret> {
        let (secret, now) = (token::generate_session(), self.clock.now());
        let unknown = || StoreError::NotFound(format!("a live session {session}"));
        let old = self.access.session_hash(session).ok_or_else(unknown)?;
        let new = TokenHash::of(secret.expose());
        self.db.rotate_session(session, old.as_bytes(), new.as_bytes(), now).await?;
        self.access.refresh().await?;
        Ok(secret)
    }

    /// Notes a proof that came along with a request of a command line, whose secret stays.
    pub async fn note_step_up(&self, session: SessionId, now: Timestamp) -> StoreResult<()> {
        self.db.note_step_up(session, now).await?;
        self.access.refresh().await
    }

    /// Ends one session. `NotFound` when the person has none of this id that is still open.
    pub async fn revoke(&self, user: UserId, session: SessionId, why: &str) -> StoreResult<()> {
        self.db.revoke_session(user, session, why, self.clock.now()).await?;
        self.access.refresh().await
    }

    /// Ends all of a person's sessions but one; the number of those that were open.
    pub async fn revoke_others(&self, user: UserId, keep: SessionId, why: &str) -> StoreResult<u64> {
        let ended = self.db.revoke_other_sessions(user, keep, why, self.clock.now()).await?;
        self.access.refresh().await?;
        Ok(ended)
    }

    /// Ends all of a person's sessions; the number of those that were open.
    pub async fn revoke_all(&self, user: UserId, why: &str) -> StoreResult<u64> {
        let ended = self.db.revoke_sessions(user, why, self.clock.now()).await?;
        self.access.refresh().await?;
        Ok(ended)
    }

    /// Those that are open, newest first.
    pub async fn open_ones(&self, user: UserId) -> StoreResult<Vec<SessionRow>> {
        let now = self.clock.now();
        let mut rows = self.db.sessions_of(user).await?;
        rows.retain(|row| row.revoked_at.is_none() && row.expires_at > now && !self.is_idle(row, now));
        Ok(rows)
    }

    /// Settings as they are now; of them come the idle limits.
    pub fn settings(&self) -> Settings {
        self.access.settings()
    }

    pub const fn limits(&self) -> SessionLimits {
        self.limits
    }

    fn is_idle(&self, row: &SessionRow, now: Timestamp) -> bool {
        match self.access.session(row.id) {
            Some(session) => self.settings().idle.is_over(&session, now),
            None => false,
        }
    }
}

fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}
