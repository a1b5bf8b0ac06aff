//! What an invitation gives, as it stands in a body.

use crate::{api::ApiError, policy::TargetPattern};

/// Role and target; everything when only the role is set. `None` when the invitation gives nothing. Whether there is
/// such a role, and whether the caller may give it, is decided when it is written.
pub fn grant(role: Option<String>, target: Option<&str>) -> Result<Option<(String, String)>, ApiError> {
    let role = match (role, target) {
        (Some(role), _) => role,
        (None, Some(_)) => return Err(ApiError::field("target", "is set without a role; set both or none")),
        (None, None) => return Ok(None),
    };
    let pattern: TargetPattern =
        target.unwrap_or("*").parse().map_err(|error| ApiError::field("target", format!("{error}")))?;
    Ok(Some((role, pattern.as_str().to_owned())))
}
