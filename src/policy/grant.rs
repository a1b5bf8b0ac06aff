//! Grants in the form in which decisions read them.

use super::{Permission, PermissionSet, Target, TargetPattern};
use crate::core::{Timestamp, id::GrantId};
use std::sync::Arc;

/// A role on a target pattern, with the role's permissions already looked up.
#[derive(Clone, Debug)]
pub struct CompiledGrant {
    pub id: GrantId,
    pub role: Arc<str>,
    pub permissions: PermissionSet,
    pub target: TargetPattern,
    pub expires_at: Option<Timestamp>,
}

impl CompiledGrant {
    pub fn allows(&self, permission: Permission, target: &Target, now: Timestamp) -> bool {
        self.permissions.contains(permission) && self.is_in_force(now) && self.target.covers(target)
    }

    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// What a caller may do. A person has one list of grants; a token has its own and its owner's, and may do
/// only what both allow.
#[derive(Clone, Debug)]
pub struct Rights {
    pub own: Arc<[CompiledGrant]>,
    pub owner: Option<Arc<[CompiledGrant]>>,
}

impl Rights {
    pub fn of_user(grants: Arc<[CompiledGrant]>) -> Self {
        Self { own: grants, owner: None }
    }

    pub fn of_token(own: Arc<[CompiledGrant]>, owner: Arc<[CompiledGrant]>) -> Self {
        Self { own, owner: Some(owner) }
    }

    /// The first grant that allows it, or `None`.
    pub fn own_grant(
        &self,
        permission: Permission,
        target: &Target,
        now: Timestamp,
    ) -> Option<&CompiledGrant> {
        self.own.iter().find(|grant| grant.allows(permission, target, now))
    }

    /// Whether there is any target at all on which it may be so; which one is asked later.
    pub fn may_somewhere(&self, permission: Permission, now: Timestamp) -> bool {
        let holds = |grants: &[CompiledGrant]| {
            grants.iter().any(|grant| grant.permissions.contains(permission) && grant.is_in_force(now))
        };
        holds(&self.own) && self.owner.as_ref().is_none_or(|owner| holds(owner))
    }

    /// True for a person, and for a token whose owner may do it now.
    pub fn owner_allows(&self, permission: Permission, target: &Target, now: Timestamp) -> bool {
        self.owner
            .as_ref()
            .is_none_or(|grants| grants.iter().any(|grant| grant.allows(permission, target, now)))
    }

    pub fn allow(&self, permission: Permission, target: &Target, now: Timestamp) -> bool {
        self.own_grant(permission, target, now).is_some() && self.owner_allows(permission, target, now)
    }
}
