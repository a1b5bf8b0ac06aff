//! Grants in the form in which decisions read them.

use super::{CallLimits, Permission, PermissionSet, Target, TargetPattern};
use crate::core::{Timestamp, id::GrantId};
use std::sync::Arc;

/// A role on a target pattern, with what the role gives within the limits already looked up.
#[derive(Clone, Debug)]
pub struct CompiledGrant {
    pub id: GrantId,
    pub role: Arc<str>,
    pub permissions: PermissionSet,
    pub target: TargetPattern,
    pub expires_at: Option<Timestamp>,
    /// What of a service may be called.
    pub limits: CallLimits,
}

impl CompiledGrant {
    pub fn allows(&self, permission: Permission, target: &Target, now: Timestamp) -> bool {
        self.permissions.contains(permission)
            && self.is_in_force(now)
            && self.target.covers(target)
            && self.limits.allow(target.asked())
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

/// What a role gives within limits: nothing but calls of services, for they say nothing about anything else.
pub fn given(role: PermissionSet, limits: &CallLimits) -> PermissionSet {
    if limits.is_none() {
        return role;
    }
    role.iter().filter(|permission| *permission == Permission::ServiceCall).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Asked, built_in};

    fn ops(methods: Option<&str>, below: Option<&str>) -> CompiledGrant {
        let now = Timestamp::from_micros(1);
        let limits = CallLimits::read(methods, below).unwrap();
        CompiledGrant {
            id: GrantId::new(now),
            role: "ops".into(),
            permissions: given(built_in("ops").unwrap().permissions(), &limits),
            target: "*".parse().unwrap(),
            expires_at: None,
            limits,
        }
    }

    #[test]
    fn limits_hold_for_calls_and_leave_nothing_else() {
        let now = Timestamp::from_micros(2);
        let call = |method, path| Target::call("web", Asked::of(method, path));
        let (limited, free) = (ops(Some("GET"), Some("/api")), ops(None, None));
        assert!(limited.allows(Permission::ServiceCall, &call("GET", "/api/x"), now));
        assert!(!limited.allows(Permission::ServiceCall, &call("POST", "/api/x"), now));
        assert!(!limited.allows(Permission::ServiceCall, &call("GET", "/other"), now));
        assert!(
            !limited.allows(Permission::ServiceCall, &Target::service("web"), now),
            "of which nothing is told"
        );
        assert!(!limited.allows(Permission::AppRestart, &Target::rack("staging"), now));
        assert!(free.allows(Permission::AppRestart, &Target::rack("staging"), now));
        assert!(free.allows(Permission::ServiceCall, &call("POST", "/other/../x"), now));
    }
}
