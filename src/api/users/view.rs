//! A user as the API shows them.

use super::super::grants::GrantView;
use crate::{
    core::{Timestamp, id::UserId},
    store::{AccessRows, UserRow},
};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub struct UserView {
    id: UserId,
    email: String,
    name: String,
    /// `active` or `locked`.
    state: &'static str,
    created_at: Timestamp,
    locked_at: Option<Timestamp>,
    locked_reason: Option<String>,
    mfa_enrolled: bool,
    /// `totp` or `webauthn`.
    preferred_mfa_method: Option<String>,
    /// Names of the roles that they hold now, on whatever target.
    roles: Vec<String>,
    grants: Vec<GrantView>,
}

impl UserView {
    pub fn of(user: &UserRow, rows: &AccessRows, now: Timestamp) -> Self {
        let held = rows.grants.iter().filter(|grant| grant.user_id == Some(user.id));
        let mut roles: Vec<_> = held
            .clone()
            .filter(|grant| grant.expires_at.is_none_or(|end| now < end))
            .map(|grant| grant.role.clone())
            .collect();
        roles.sort();
        roles.dedup();
        Self {
            id: user.id,
            email: user.email.clone(),
            name: user.name.clone(),
            state: if user.locked_at.is_some() { "locked" } else { "active" },
            created_at: user.created_at,
            locked_at: user.locked_at,
            locked_reason: user.locked_reason.clone(),
            mfa_enrolled: user.mfa_enrolled_at.is_some(),
            preferred_mfa_method: user.preferred_mfa.clone(),
            roles,
            grants: held.map(|grant| GrantView::of(grant, rows)).collect(),
        }
    }
}
