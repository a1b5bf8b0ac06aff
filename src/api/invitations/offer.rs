//! What an invitation may give: never more than whoever invites holds.

use crate::{
    api::{ApiError, Context},
    identity::{Principal, change::roles},
    policy::{CallLimits, Offer, PermissionSet, TargetPattern, built_in, may_give},
};

/// Role and target, checked. `None` when the invitation gives nothing.
pub async fn checked(
    context: &Context,
    by: &Principal,
    role: Option<&str>,
    target: Option<&str>,
) -> Result<Option<(String, String)>, ApiError> {
    let role = match (role, target) {
        (Some(role), _) => role,
        (None, Some(_)) => return Err(ApiError::field("target", "is set without a role; set both or none")),
        (None, None) => return Ok(None),
    };
    let pattern: TargetPattern =
        target.unwrap_or("*").parse().map_err(|error| ApiError::field("target", format!("{error}")))?;
    let permissions = permissions_of(context, role).await?;
    let text = pattern.as_str().to_owned();
    let offer = Offer { permissions, target: pattern, expires_at: None, limits: CallLimits::default() };
    may_give(&by.rights, &offer, context.clock.now())
        .map_err(|exceeds| ApiError::forbidden(format!("you cannot give {role} on {text}: {exceeds}")))?;
    Ok(Some((role.to_owned(), text)))
}

async fn permissions_of(context: &Context, role: &str) -> Result<PermissionSet, ApiError> {
    if let Some(role) = built_in(role) {
        return Ok(role.permissions());
    }
    let custom = context.db.custom_roles().await?;
    let Some(row) = custom.iter().find(|row| row.name == role) else {
        return Err(ApiError::field("role", "does not exist; see GET /api/v1/roles"));
    };
    Ok(roles::expand(&row.permissions))
}
