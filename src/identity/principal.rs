//! The caller, once known.

use crate::{
    core::{
        Timestamp,
        id::{SessionId, TokenId, UserId},
    },
    policy::Rights,
};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

#[derive(Debug)]
pub struct UserIdentity {
    pub id: UserId,
    pub email: Arc<str>,
    pub name: String,
    /// Whether a second factor is enrolled. Who has none may only enrol one.
    pub mfa_enrolled: bool,
}

#[derive(Debug)]
pub struct TokenIdentity {
    pub id: TokenId,
    pub name: Arc<str>,
}

/// Where a session lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    Web,
    Cli,
}

impl Channel {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Cli => "cli",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Web, Self::Cli].into_iter().find(|channel| channel.as_str() == text)
    }
}

#[derive(Debug)]
pub struct SessionIdentity {
    pub id: SessionId,
    pub channel: Channel,
    /// How the person logged in: `oidc:<name>`, `github`, `passkey`, `link`.
    pub method: Arc<str>,
    pub created_at: Timestamp,
    /// The absolute limit.
    pub expires_at: Timestamp,
    /// The last proof of a second factor.
    pub step_up_at: Option<Timestamp>,
    /// Rights were given to the person since the session's secret was made.
    pub is_outgrown: bool,
    /// The last use that this process knows of, in microseconds.
    pub(super) last_seen: AtomicI64,
}

impl SessionIdentity {
    pub fn last_seen(&self) -> Timestamp {
        Timestamp::from_micros(self.last_seen.load(Ordering::Relaxed))
    }

    /// Only ever moves forward.
    pub fn saw(&self, at: Timestamp) {
        self.last_seen.fetch_max(at.as_micros(), Ordering::Relaxed);
    }
}

/// What the caller showed to be let in.
#[derive(Clone, Debug)]
pub enum Via {
    Token(Arc<TokenIdentity>),
    Session(Arc<SessionIdentity>),
}

/// A user, present through one of their API tokens or sessions.
#[derive(Clone, Debug)]
pub struct Principal {
    pub user: Arc<UserIdentity>,
    pub via: Via,
    pub rights: Rights,
}

impl Principal {
    pub fn token(&self) -> Option<&Arc<TokenIdentity>> {
        match &self.via {
            Via::Token(token) => Some(token),
            Via::Session(_) => None,
        }
    }

    pub fn session(&self) -> Option<&Arc<SessionIdentity>> {
        match &self.via {
            Via::Session(session) => Some(session),
            Via::Token(_) => None,
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.via {
            Via::Token(token) => write!(f, "{} (token {})", self.user.email, token.name),
            Via::Session(_) => f.write_str(&self.user.email),
        }
    }
}
