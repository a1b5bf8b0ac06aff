//! Five failures in five minutes lock the account. The budget is the user's: whatever the proof, the replica, the
//! address or the spelling. An attempt is paid for before it is looked at, and only a success gives it back.

use super::{Mfa, MfaError, count};
use crate::{
    audit::OwnAct,
    core::{Timestamp, id::AttemptId},
    identity::UserIdentity,
    store::Reservation,
};
use std::{net::IpAddr, time::Duration};

pub(super) const BUDGET: i64 = 5;
const WINDOW: Duration = Duration::from_secs(5 * 60);
const REASON: &str = "Automatic lock: 5 failed MFA attempts in 5 minutes";

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

    /// Of all that find the budget spent, one locks and records it.
    async fn lock(&self, attempt: Try<'_>, method: &'static str) -> MfaError {
        let Try { user, ip, now } = attempt;
        match self.db().lock_user_once(user.id, REASON, now).await {
            Ok(false) => return MfaError::Locked,
            Err(error) => return error.into(),
            Ok(true) => {}
        }
        count(method, "locked");
        tracing::warn!(user = %user.email, %ip, "{REASON}");
        let act = OwnAct {
            at: now,
            action: "user.lock",
            resource: user.email.to_string(),
            resource_type: "user",
            detail: format!("{REASON}; the last from {ip}"),
        };
        if self.0.audit.record_own(&act).await.is_err() {
            tracing::error!(user = %user.email, "the automatic lock is in force but could not be recorded");
        }
        MfaError::Locked
    }
}
