//! Why a login of the command line does not go on.

use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum CliLoginError {
    /// Also for a wrong verifier, and for a login that was taken already: who guesses learns nothing.
    #[error("invalid or expired state")]
    Unknown,
    #[error("the login was not confirmed in time; start it again")]
    Expired,
    #[error("the login was refused in the browser")]
    Denied,
    /// Whoever approved it has been locked or logged out since.
    #[error("the session that approved this login has ended; start the login again")]
    Withdrawn,
    /// Now every `interval` seconds.
    #[error("the client asks too often; wait {interval} seconds between two questions")]
    SlowDown { interval: i64 },
    #[error("too many logins are under way from this address; finish one or wait ten minutes")]
    TooMany,
    #[error("too many wrong codes; wait a quarter of an hour, and copy the code from the terminal")]
    TooManyGuesses,
    /// Asked for by a person in the browser.
    #[error("there is no such login: it was decided already, or its ten minutes are over")]
    NoRequest,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CliLoginError {
    /// A word that programs can act on; RFC 8628 names those for polling clients.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "invalid_grant",
            Self::Expired => "expired_token",
            Self::Denied | Self::Withdrawn => "access_denied",
            Self::SlowDown { .. } => "slow_down",
            Self::TooMany => "too_many_logins",
            Self::TooManyGuesses => "too_many_attempts",
            Self::NoRequest => "unknown_login",
            Self::Store(_) => "database_unavailable",
        }
    }
}
