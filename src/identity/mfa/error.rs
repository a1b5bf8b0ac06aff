//! Why a proof or an enrolment did not come to be.

use super::WebAuthnOff;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum MfaError {
    /// Counts against the budget.
    #[error("the code or the security key's answer is not right")]
    Wrong,
    #[error("this code was used already; take the next one")]
    Used,
    #[error("{0}")]
    Malformed(&'static str),
    #[error("too many attempts at the same time; try again in a moment")]
    Busy,
    #[error("the account is locked after too many failed attempts; ask an administrator to unlock it")]
    Locked,
    /// Whatever the reason.
    #[error("the account is locked; ask an administrator")]
    Barred,
    /// The last administrator is not locked.
    #[error("too many failed attempts: your sessions have ended, and no code counts for five minutes")]
    Held,
    #[error("no factor of this kind is enrolled")]
    NotEnrolled,
    /// The ceremony is unknown, expired, finished, or another session's.
    #[error("this was begun elsewhere, took too long, or is finished already; start again")]
    Over,
    #[error("API tokens have no second factor; log in as a person")]
    NotAPerson,
    #[error("prove a factor that you have before you add another")]
    ProofNeeded,
    #[error("you have as many factors as there may be; remove one first")]
    Full,
    #[error("this security key is registered already")]
    Taken,
    #[error("there is no such {0}")]
    Unknown(&'static str),
    #[error("second factors need APP_SECRET_KEY, which is not set on this gateway")]
    NoKey,
    #[error("{0}")]
    WebAuthnOff(WebAuthnOff),
    /// The cause is in the log.
    #[error("a stored factor cannot be read; an administrator finds the reason in the log")]
    Unreadable,
    #[error("the database does not answer; try again shortly")]
    Store(#[from] StoreError),
    #[error("something went wrong in the gateway")]
    Internal,
}

impl MfaError {
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Wrong => "mfa_verification_failed",
            Self::Used => "mfa_code_used",
            Self::Malformed(_) => "bad_parameter",
            Self::Busy => "mfa_busy",
            Self::Locked | Self::Barred => "account_locked",
            Self::Held => "mfa_too_many_attempts",
            Self::NotEnrolled => "mfa_not_enrolled",
            Self::Over => "mfa_ceremony_over",
            Self::NotAPerson => "person_required",
            Self::ProofNeeded => "mfa_step_up_required",
            Self::Full => "mfa_too_many_methods",
            Self::Taken => "mfa_key_taken",
            Self::Unknown(_) => "not_found",
            Self::NoKey => "app_secret_key_missing",
            Self::WebAuthnOff(_) => "webauthn_unavailable",
            Self::Unreadable => "mfa_unreadable",
            Self::Store(_) => "database_unavailable",
            Self::Internal => "internal",
        }
    }
}
