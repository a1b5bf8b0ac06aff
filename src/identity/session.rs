//! Sessions of people: how long they last.

use super::{Channel, SessionIdentity};
use crate::core::Timestamp;
use std::time::Duration;

/// How long a session may lie unused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleLimits {
    pub web: Duration,
    pub cli: Duration,
}

impl Default for IdleLimits {
    fn default() -> Self {
        Self { web: Duration::from_secs(60 * 60), cli: Duration::from_secs(30 * 24 * 60 * 60) }
    }
}

impl IdleLimits {
    pub fn is_over(self, session: &SessionIdentity, now: Timestamp) -> bool {
        let limit = match session.channel {
            Channel::Web => self.web,
            Channel::Cli => self.cli,
        };
        let micros = i64::try_from(limit.as_micros()).unwrap_or(i64::MAX);
        now.as_micros().saturating_sub(session.last_seen().as_micros()) >= micros
    }
}
