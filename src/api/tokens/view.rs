//! A token as the API shows it, and whether the caller may see or change it.

use super::super::{ApiError, Context, Note, admin::rows, grants::GrantView, may};
use crate::{
    core::{
        Timestamp,
        id::{TokenId, UserId},
    },
    identity::{Principal, change::Actor},
    policy::Permission,
    store::{AccessRows, TokenRow},
};
use serde::Serialize;
use utoipa::ToSchema;

/// The token's text and its hash are not here.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenView {
    id: TokenId,
    name: String,
    /// E-mail address of its owner.
    user: String,
    /// `active`, `expired`, `revoked` or `owner_locked`.
    pub state: &'static str,
    created_at: Timestamp,
    /// E-mail address of who made it; null when it was made on the machine itself, or they are gone.
    created_by: Option<String>,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    /// Written every few seconds while it is used.
    last_used_at: Option<Timestamp>,
    grants: Vec<GrantView>,
}

impl TokenView {
    pub fn of(token: &TokenRow, rows: &AccessRows, now: Timestamp) -> Self {
        let user = |id: UserId| rows.users.iter().find(|user| user.id == id);
        let owner = user(token.user_id);
        let is_locked = owner.is_none_or(|owner| owner.locked_at.is_some());
        let grants = rows.grants.iter().filter(|grant| grant.token_id == Some(token.id));
        Self {
            id: token.id,
            name: token.name.clone(),
            user: owner.map(|owner| owner.email.clone()).unwrap_or_default(),
            state: state(token, is_locked, now),
            created_at: token.created_at,
            created_by: token.created_by.and_then(user).map(|user| user.email.clone()),
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
            last_used_at: token.last_used_at,
            grants: grants.map(|grant| GrantView::of(grant, rows)).collect(),
        }
    }
}

fn state(token: &TokenRow, owner_is_locked: bool, now: Timestamp) -> &'static str {
    match token {
        _ if token.revoked_at.is_some() => "revoked",
        _ if token.expires_at.is_some_and(|end| end <= now) => "expired",
        _ if owner_is_locked => "owner_locked",
        _ => "active",
    }
}

/// Finds a token that the caller may see: their own, or any for those who hold `permission`. Whether another one
/// exists is not told. The permission comes back when it was needed.
pub async fn visible(
    context: &Context,
    note: &Note,
    principal: &Principal,
    id: TokenId,
    permission: Permission,
) -> Result<(TokenRow, AccessRows, Option<Permission>), ApiError> {
    note.resource(id.to_string());
    let all = may(context, principal, permission);
    // A token that may not administer tokens sees none, not even itself.
    if principal.session().is_none() {
        all?;
        return found(context, note, id, Some(permission), |_| true).await;
    }
    let (own, is_admin) = (principal.user.id, all.is_ok());
    let (token, rows, needs) =
        found(context, note, id, Some(permission), |token| is_admin || token.user_id == own).await?;
    let needs = if token.user_id == own { None } else { needs };
    Ok((token, rows, needs))
}

async fn found(
    context: &Context,
    note: &Note,
    id: TokenId,
    needs: Option<Permission>,
    may_see: impl Fn(&TokenRow) -> bool,
) -> Result<(TokenRow, AccessRows, Option<Permission>), ApiError> {
    let rows = rows(context).await?;
    let token = rows.tokens.iter().find(|token| token.id == id && may_see(token)).cloned();
    let token = token.ok_or_else(|| ApiError::not_found(format!("token {id}")))?;
    note.resource(&token.name);
    Ok((token, rows, needs))
}

pub const fn actor(principal: &Principal, needs: Option<Permission>) -> Actor<'_> {
    Actor::Caller { principal, needs }
}
