//! Five failures in five minutes lock the account, or end the sessions of the last administrator, whom nobody could unlock. The budget is the user's: whatever the proof, the replica, the
//! address or the spelling. An attempt is paid for before it is looked at, and only a success gives it back.

use super::{Mfa, MfaError, count};
use crate::{
    audit::OwnAct,
    core::{Timestamp, id::AttemptId},
    identity::{
        UserIdentity,
        change::users::{self, ShutOut},
    },
    store::Reservation,
};
use std::{net::IpAddr, time::Duration};

pub(super) const BUDGET: i64 = 5;
const WINDOW: Duration = Duration::from_secs(5 * 60);
const REASON: &str = "Automatic lock: 5 failed MFA attempts in 5 minutes";
const HELD: &str = "5 failed MFA attempts in 5 minutes; not locked, as the last administrator";

/// Who tries, from where, when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Try<'a> {
    pub user: &'a UserIdentity,
    pub ip: IpAddr,
    pub now: Timestamp,
}

impl Try<'_> {
    fn since(&self) -> Timestamp {
        self.now.saturating_sub(WINDOW)
    }
}

impl Mfa {
    /// Looks at a proof within the budget. Only [`MfaError::Wrong`] costs: what was right once, or never could be,
    /// tells a guesser nothing.
    pub(super) async fn within_budget<T>(
        &self,
        attempt: Try<'_>,
        method: &'static str,
        look: impl Future<Output = Result<T, MfaError>>,
    ) -> Result<T, MfaError> {
        let paid = match self.reserve(attempt).await? {
            Reservation::Granted(id) => id,
            Reservation::Busy => {
                count(method, "busy");
                return Err(MfaError::Busy);
            }
            Reservation::Spent => return Err(self.lock(attempt, method).await),
        };
        let outcome = look.await;
        match &outcome {
            Err(MfaError::Wrong) => return Err(self.failed(attempt, method, paid).await),
            Err(MfaError::Used) => count(method, "replayed"),
            Err(_) => count(method, "error"),
            Ok(_) => count(method, "success"),
        }
        if let Err(error) = self.db().return_attempt(paid).await {
            tracing::warn!(%error, "an attempt at a second factor could not be given back; it ends in five minutes");
        }
        outcome
    }

    async fn reserve(&self, attempt: Try<'_>) -> Result<Reservation, MfaError> {
        let Try { user, now, .. } = attempt;
        Ok(self.db().reserve_attempt(user.id, BUDGET, attempt.since(), now).await?)
    }

    async fn failed(&self, attempt: Try<'_>, method: &'static str, paid: AttemptId) -> MfaError {
        count(method, "failure");
        match self.db().fail_attempt(attempt.user.id, paid, attempt.since()).await {
            Ok(failures) if failures >= BUDGET => self.lock(attempt, method).await,
            Ok(_) => MfaError::Wrong,
            Err(error) => error.into(),
        }
    }

    /// Of all that find the budget spent, one shuts the person out and records it.
    async fn lock(&self, attempt: Try<'_>, method: &'static str) -> MfaError {
        match users::lock_for_failures(self.db(), attempt.now, attempt.user.id, REASON).await {
            Ok(ShutOut::Locked) => {
                count(method, "locked");
                self.record(attempt, "user.lock", REASON).await;
                self.0.witness.shut_out(&attempt.user.email, ShutOut::Locked, REASON).await;
                MfaError::Locked
            }
            Ok(ShutOut::Already) => MfaError::Locked,
            Ok(ShutOut::Spared) => self.hold(attempt, method).await,
            Err(error) => error.into(),
        }
    }

    /// Who guesses at the last administrator's codes has one of their sessions: all of them end. Until the failures
    /// are forgotten no further proof is looked at.
    async fn hold(&self, attempt: Try<'_>, method: &'static str) -> MfaError {
        let Try { user, now, .. } = attempt;
        match self.db().revoke_sessions(user.id, "too many failed proofs", now).await {
            Ok(0) => return MfaError::Held,
            Err(error) => return error.into(),
            Ok(_) => {}
        }
        count(method, "held");
        self.record(attempt, "user.hold", HELD).await;
        self.0.witness.shut_out(&user.email, ShutOut::Spared, HELD).await;
        MfaError::Held
    }

    async fn record(&self, attempt: Try<'_>, action: &'static str, reason: &str) {
        let Try { user, ip, now } = attempt;
        tracing::warn!(user = %user.email, %ip, "{reason}");
        let act = OwnAct {
            at: now,
            action,
            resource: user.email.to_string(),
            resource_type: "user",
            detail: format!("{reason}; the last from {ip}"),
        };
        if self.0.audit.record_own(&act).await.is_err() {
            tracing::error!(user = %user.email, action, "this is in force but could not be recorded");
        }
    }
}
