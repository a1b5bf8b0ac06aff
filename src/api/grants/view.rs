//! A grant as the API shows it and as it is asked for.

use super::super::ApiError;
use crate::{
    core::{Timestamp, id::GrantId},
    identity::change::grants::NewGrant,
    policy::TargetPattern,
    store::{AccessRows, GrantRow},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub struct GrantView {
    id: GrantId,
    /// E-mail address of the user who holds it; null for a token's.
    user: Option<String>,
    /// Name of the token that holds it; null for a user's.
    token: Option<String>,
    role: String,
    /// The target pattern.
    target: String,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    /// The provider whose groups gave it; null for a person's decision.
    origin: Option<String>,
}

impl GrantView {
    pub fn of(grant: &GrantRow, rows: &AccessRows) -> Self {
        let user = rows.users.iter().find(|user| Some(user.id) == grant.user_id);
        let token = rows.tokens.iter().find(|token| Some(token.id) == grant.token_id);
        Self {
            id: grant.id,
            user: user.map(|user| user.email.clone()),
            token: token.map(|token| token.name.clone()),
            role: grant.role.clone(),
            target: grant.target.clone(),
            created_at: grant.created_at,
            expires_at: grant.expires_at,
            origin: grant.origin.clone(),
        }
    }
}

/// A role on a target, for whoever is being made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantBody {
    role: String,
    /// `*`, `staging`, `staging/web`, `repo:team/**`, `service:billing`; everything unless given.
    #[serde(default)]
    target: Option<String>,
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

impl GrantBody {
    pub fn read(&self) -> Result<NewGrant, ApiError> {
        let Self { role, target, expires_at } = self;
        let target = target.as_deref().map_or(Ok(TargetPattern::everything()), pattern)?;
        Ok(NewGrant { role: role.clone(), target, expires_at: *expires_at })
    }
}

pub fn pattern(text: &str) -> Result<TargetPattern, ApiError> {
    text.parse().map_err(|error: crate::policy::InvalidPattern| ApiError::field("target", error.to_string()))
}
