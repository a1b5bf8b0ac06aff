//! Refused changes as answers.

use super::super::ApiError;
use crate::identity::change::Refused;
use http::StatusCode;

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Field { field, problem } => Self::field(field, problem),
            Refused::NotFound(_) => Self::new(StatusCode::NOT_FOUND, "not_found", refused.to_string()),
            Refused::Conflict(message) => Self::conflict(message),
            Refused::LastAdmin => Self::new(StatusCode::CONFLICT, "last_admin", refused.to_string()),
            Refused::NotYours(_) => {
                Self::new(StatusCode::FORBIDDEN, "exceeds_own_rights", refused.to_string())
            }
            Refused::NotAllowed(message) => Self::forbidden(message),
            Refused::Store(error) => Self::Store(error),
        }
    }
}
