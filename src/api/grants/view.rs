//! A grant as the API shows it and as it is asked for.

use super::super::ApiError;
use crate::{
    core::{Timestamp, id::GrantId},
    identity::change::grants::NewGrant,
    policy::{CallLimits, InvalidLimit, TargetPattern},
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
    /// The only methods with which services may be called, as in `GET,HEAD`; null allows all.
    methods: Option<String>,
    /// The path of services below which they may be called, as in `/api/`; null allows all.
    path_prefix: Option<String>,
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
            methods: grant.methods.clone(),
            path_prefix: grant.path_prefix.clone(),
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
    /// Calls of services with these methods only, as in `GET,HEAD`; the target begins with `service:`.
    #[serde(default)]
    methods: Option<String>,
    /// Calls of services below this path only, as in `/api/`; the target begins with `service:`.
    #[serde(default)]
    path_prefix: Option<String>,
}

impl GrantBody {
    pub fn read(&self) -> Result<NewGrant, ApiError> {
        let Self { role, target, expires_at, methods, path_prefix } = self;
        let target = target.as_deref().map_or(Ok(TargetPattern::everything()), pattern)?;
        let limits = limits(methods.as_deref(), path_prefix.as_deref())?;
        Ok(NewGrant { role: role.clone(), target, expires_at: *expires_at, limits })
    }
}

pub fn pattern(text: &str) -> Result<TargetPattern, ApiError> {
    text.parse().map_err(|error: crate::policy::InvalidPattern| ApiError::field("target", error.to_string()))
}

/// What of a service may be called.
pub fn limits(methods: Option<&str>, path_prefix: Option<&str>) -> Result<CallLimits, ApiError> {
    CallLimits::read(methods, path_prefix).map_err(|error| {
        let field = match error {
            InvalidLimit::Method(_) => "methods",
            InvalidLimit::PathPrefix(_) => "path_prefix",
        };
        ApiError::field(field, error.to_string())
    })
}
