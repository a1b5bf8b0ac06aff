//! What clients are told when a proof does not hold.

use crate::{
    api::ApiError,
    gateway::Refusal,
    identity::{mfa::MfaError, step_up::Challenge},
};
use http::StatusCode;

impl From<MfaError> for ApiError {
    fn from(error: MfaError) -> Self {
        let status = match &error {
            // Not 401: the session is good, and a browser would ask for a password.
            MfaError::Wrong | MfaError::Used | MfaError::Locked | MfaError::Barred | MfaError::NotAPerson => {
                StatusCode::FORBIDDEN
            }
            MfaError::Malformed(_) | MfaError::Over => StatusCode::BAD_REQUEST,
            MfaError::Busy | MfaError::Held => StatusCode::TOO_MANY_REQUESTS,
            MfaError::NotEnrolled | MfaError::Full | MfaError::Taken => StatusCode::CONFLICT,
            MfaError::Unknown(_) => StatusCode::NOT_FOUND,
            MfaError::WebAuthnOff(_) => StatusCode::NOT_IMPLEMENTED,
            MfaError::NoKey | MfaError::Unreadable => StatusCode::SERVICE_UNAVAILABLE,
            MfaError::ProofNeeded => return Refusal::from(Challenge::Recent).into(),
            MfaError::Internal => return Self::internal(),
            MfaError::Store(_) => {
                let MfaError::Store(store) = error else { return Self::internal() };
                return store.into();
            }
        };
        Self::new(status, error.code(), error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;

    #[test]
    fn statuses_and_words() {
        for (error, status, code) in [
            (MfaError::Wrong, 403, "mfa_verification_failed"),
            (MfaError::Used, 403, "mfa_code_used"),
            (MfaError::Malformed("the code"), 400, "bad_parameter"),
            (MfaError::Busy, 429, "mfa_busy"),
            (MfaError::Locked, 403, "account_locked"),
            (MfaError::Barred, 403, "account_locked"),
            (MfaError::Held, 429, "mfa_too_many_attempts"),
            (MfaError::Over, 400, "mfa_ceremony_over"),
            (MfaError::ProofNeeded, 401, "mfa_step_up_required"),
            (MfaError::NoKey, 503, "app_secret_key_missing"),
            (MfaError::Store(StoreError::NotFound("a".into())), 404, "not_found"),
            (MfaError::Internal, 500, "internal"),
        ] {
            let error = ApiError::from(error);
            assert_eq!((error.status().as_u16(), error.code()), (status, code));
        }
    }
}
