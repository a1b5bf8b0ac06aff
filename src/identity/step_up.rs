//! Whether a person must prove a second factor before a call, and whether what they sent along proves it.
//!
//! API tokens never need a factor. The order everywhere is permission first, then proof: who may not do a thing is
//! not asked for a code.

use super::{Channel, Principal, Proof, SessionIdentity, session::Sessions};
use crate::{core::Timestamp, policy::MfaLevel};
use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode};
use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

/// What is asked of everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MfaPolicy {
    /// How long a proof is recent.
    pub window: Duration,
    /// Who has no factor yet may only enrol one.
    pub required_for_all: bool,
}

impl Default for MfaPolicy {
    fn default() -> Self {
        Self { window: Duration::from_secs(600), required_for_all: true }
    }
}

/// Why a call is not carried out yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Challenge {
    #[error("set up a second factor first, under Account > Security")]
    Enrollment,
    #[error("Multi-factor authentication is required for this action")]
    Recent,
    #[error("Multi-factor authentication is required for this action, with a fresh proof each time")]
    Each,
    #[error("the second factor is not right; try again with a new code")]
    Wrong(MfaLevel),
    #[error("too many attempts; try again in a few minutes")]
    TooMany,
    #[error("the user is locked")]
    Locked,
    #[error("second factors cannot be verified now; try again shortly")]
    Unavailable,
}

impl Challenge {
    pub const fn status(self) -> StatusCode {
        match self {
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNAUTHORIZED,
        }
    }

    /// A word that programs act on. Stable.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Enrollment => "mfa_enrollment_required",
            Self::Recent => "mfa_step_up_required",
            Self::Each => "mfa_required",
            Self::Wrong(_) => "mfa_verification_failed",
            Self::TooMany => "mfa_too_many_attempts",
            Self::Locked => "owner_locked",
            Self::Unavailable => "mfa_unavailable",
        }
    }

    /// The value of `X-MFA-Required`; none where a proof would not help.
    pub const fn required(self) -> Option<&'static str> {
        match self {
            Self::Enrollment => Some("enrollment"),
            Self::Each | Self::Wrong(MfaLevel::Always) => Some("always"),
            Self::Recent | Self::Wrong(_) => Some("step-up"),
            Self::TooMany | Self::Locked | Self::Unavailable => None,
        }
    }

    /// The value of `X-MFA-Level`; none where a proof would not help.
    pub const fn level(self) -> Option<&'static str> {
        match self {
            Self::Recent => Some(MfaLevel::StepUp.as_str()),
            Self::Each => Some(MfaLevel::Always.as_str()),
            Self::Wrong(level) => Some(level.as_str()),
            _ => None,
        }
    }
}

/// What is asked of the caller: `None` when nothing is.
pub fn required(level: MfaLevel, who: &Principal, policy: MfaPolicy, now: Timestamp) -> Option<Challenge> {
    let session = who.session()?;
    if !who.user.mfa_enrolled && (policy.required_for_all || level != MfaLevel::None) {
        return Some(Challenge::Enrollment);
    }
    match level {
        MfaLevel::None => None,
        MfaLevel::StepUp if is_recent(session, policy.window, now) => None,
        MfaLevel::StepUp => Some(Challenge::Recent),
        MfaLevel::Always => Some(Challenge::Each),
    }
}

/// Until when the session's last proof counts as recent.
pub fn recent_until(session: &SessionIdentity, window: Duration) -> Option<Timestamp> {
    let micros = i64::try_from(window.as_micros()).unwrap_or(i64::MAX);
    session.step_up_at.map(|at| Timestamp::from_micros(at.as_micros().saturating_add(micros)))
}

fn is_recent(session: &SessionIdentity, window: Duration, now: Timestamp) -> bool {
    recent_until(session, window).is_some_and(|end| now < end)
}

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotProven {
    Wrong,
    TooMany,
    /// This attempt was one too many: the user is locked now.
    Locked,
    Unavailable,
}

/// Looks at proofs. Spends an attempt and makes the proof useless for a second time.
pub trait Verifier: Send + Sync + fmt::Debug {
    fn verify<'a>(
        &'a self,
        who: &'a Principal,
        proof: &'a Proof,
        ip: IpAddr,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), NotProven>>;
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct StepUp {
    verifier: Arc<dyn Verifier>,
    sessions: Sessions,
}

impl StepUp {
    pub fn new(verifier: Arc<dyn Verifier>, sessions: Sessions) -> Self {
        Self { verifier, sessions }
    }

    /// As the settings are now.
    pub fn policy(&self) -> MfaPolicy {
        let settings = self.sessions.settings();
        MfaPolicy { window: settings.step_up_window, required_for_all: settings.mfa_require_all_users }
    }

    /// Lets the caller pass, or says what is missing. A proof is looked at only when one is needed.
    pub async fn pass(
        &self,
        level: MfaLevel,
        who: &Principal,
        headers: &HeaderMap,
        ip: IpAddr,
        now: Timestamp,
    ) -> Result<(), Challenge> {
        let Some(challenge) = required(level, who, self.policy(), now) else { return Ok(()) };
        if challenge == Challenge::Enrollment {
            return Err(challenge);
        }
        let proof = Proof::read(headers).ok_or(challenge)?;
        self.verifier.verify(who, &proof, ip, now).await.map_err(|why| match why {
            NotProven::Wrong => Challenge::Wrong(level),
            NotProven::TooMany => Challenge::TooMany,
            NotProven::Locked => Challenge::Locked,
            NotProven::Unavailable => Challenge::Unavailable,
        })?;
        self.remember(who, now).await
    }

    /// A command of the stock CLI is several requests with one code, which is good once: the session of a command
    /// line is therefore fresh after it. In the browser a proof that comes along counts for its own request.
    async fn remember(&self, who: &Principal, now: Timestamp) -> Result<(), Challenge> {
        match who.session() {
            Some(session) if session.channel == Channel::Cli => {
                self.sessions.note_step_up(session.id, now).await.map_err(|_| Challenge::Unavailable)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::id::{SessionId, TokenId, UserId},
        identity::{TokenIdentity, UserIdentity, Via},
        policy::Rights,
    };
    use std::sync::atomic::AtomicI64;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
    const POLICY: MfaPolicy = MfaPolicy { window: Duration::from_secs(600), required_for_all: true };

    enum Enrolled {
        Yes,
        No,
    }

    fn person(enrolled: &Enrolled, step_up_seconds_ago: Option<i64>) -> Principal {
        let session = SessionIdentity {
            id: SessionId::new(NOW),
            channel: Channel::Web,
            method: "link".into(),
            created_at: NOW,
            expires_at: NOW,
            step_up_at: step_up_seconds_ago
                .map(|ago| Timestamp::from_micros(NOW.as_micros() - ago * 1_000_000)),
            is_outgrown: false,
            last_seen: AtomicI64::new(0),
        };
        principal(enrolled, Via::Session(Arc::new(session)))
    }

    fn principal(enrolled: &Enrolled, via: Via) -> Principal {
        let user = UserIdentity {
            id: UserId::new(NOW),
            email: "ada@example.com".into(),
            name: String::new(),
            mfa_enrolled: matches!(enrolled, Enrolled::Yes),
        };
        Principal { user: Arc::new(user), via, rights: Rights::of_user(Arc::new([])) }
    }

    #[test]
    fn levels_against_the_age_of_the_last_proof() {
        use MfaLevel::{Always, None as Nothing, StepUp};
        for (level, ago, asked) in [
            (Nothing, None, None),
            (StepUp, None, Some(Challenge::Recent)),
            (StepUp, Some(0), None),
            (StepUp, Some(599), None),
            (StepUp, Some(600), Some(Challenge::Recent)),
            (Always, Some(0), Some(Challenge::Each)),
            (Always, None, Some(Challenge::Each)),
        ] {
            let who = person(&Enrolled::Yes, ago);
            assert_eq!(required(level, &who, POLICY, NOW), asked, "{level:?} {ago:?}");
        }
    }

    #[test]
    fn who_has_no_factor_enrols_first() {
        let who = person(&Enrolled::No, None);
        let voluntary = MfaPolicy { required_for_all: false, ..POLICY };
        assert_eq!(required(MfaLevel::None, &who, POLICY, NOW), Some(Challenge::Enrollment));
        assert_eq!(required(MfaLevel::None, &who, voluntary, NOW), None);
        assert_eq!(required(MfaLevel::StepUp, &who, voluntary, NOW), Some(Challenge::Enrollment));
    }

    #[test]
    fn a_token_is_never_asked() {
        let token = TokenIdentity { id: TokenId::new(NOW), name: "ci".into() };
        for enrolled in [Enrolled::Yes, Enrolled::No] {
            let who = principal(
                &enrolled,
                Via::Token(Arc::new(TokenIdentity { id: token.id, name: token.name.clone() })),
            );
            assert_eq!(required(MfaLevel::Always, &who, POLICY, NOW), None);
        }
    }

    #[test]
    fn words_on_the_wire() {
        for (challenge, status, code, required, level) in [
            (Challenge::Recent, 401, "mfa_step_up_required", Some("step-up"), Some("step_up")),
            (Challenge::Each, 401, "mfa_required", Some("always"), Some("always")),
            (Challenge::Enrollment, 401, "mfa_enrollment_required", Some("enrollment"), None),
            (
                Challenge::Wrong(MfaLevel::Always),
                401,
                "mfa_verification_failed",
                Some("always"),
                Some("always"),
            ),
            (Challenge::TooMany, 429, "mfa_too_many_attempts", None, None),
            (Challenge::Unavailable, 503, "mfa_unavailable", None, None),
        ] {
            assert_eq!(challenge.status().as_u16(), status);
            assert_eq!((challenge.code(), challenge.required(), challenge.level()), (code, required, level));
        }
    }
}
