//! How long sessions last.

use crate::{
    config::SessionConfig,
    core::Timestamp,
    identity::{Channel, SessionIdentity},
};
use std::time::Duration;

/// How long a session may lie unused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleLimits {
    pub web: Duration,
    pub cli: Duration,
}

impl Default for IdleLimits {
    fn default() -> Self {
        SessionLimits::default().idle()
    }
}

impl IdleLimits {
    /// When the session ends unless it is used before.
    pub fn end_of(self, session: &SessionIdentity) -> Timestamp {
        let limit = match session.channel {
            Channel::Web => self.web,
            Channel::Cli => self.cli,
        };
        after(session.last_seen(), limit)
    }

    pub fn is_over(self, session: &SessionIdentity, now: Timestamp) -> bool {
        self.end_of(session) <= now
    }
}

/// Both limits of both kinds of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    pub web: SessionConfig,
    pub cli: SessionConfig,
}

impl Default for SessionLimits {
    fn default() -> Self {
        const HOUR: Duration = Duration::from_secs(3_600);
        Self {
            web: SessionConfig { idle: HOUR, max: HOUR * 12 },
            cli: SessionConfig { idle: HOUR * 24 * 30, max: HOUR * 24 * 90 },
        }
    }
}

impl SessionLimits {
    pub const fn idle(self) -> IdleLimits {
        IdleLimits { web: self.web.idle, cli: self.cli.idle }
    }

    /// The absolute end of a session that begins at `now`.
    pub fn end(self, channel: Channel, now: Timestamp) -> Timestamp {
        let limits = match channel {
            Channel::Web => self.web,
            Channel::Cli => self.cli,
        };
        after(now, limits.max)
    }
}

fn after(start: Timestamp, length: Duration) -> Timestamp {
    let micros = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(start.as_micros().saturating_add(micros))
}
