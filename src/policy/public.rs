//! What anybody may do, known or not.

use super::{
    CallLimits, CompiledGrant, Demanding, Denied, Permission, PermissionSet, Permit, Rights, Target,
    TargetPattern, authorize,
};
use crate::core::{Timestamp, id::GrantId};

/// Permissions that the configuration gives to everybody on some targets.
#[derive(Clone, Debug)]
pub struct Public(Rights);

impl Public {
    pub fn new(
        permissions: impl IntoIterator<Item = Permission>,
        targets: impl IntoIterator<Item = TargetPattern>,
    ) -> Self {
        let permissions: PermissionSet = permissions.into_iter().collect();
        let grant = |target| CompiledGrant {
            id: GrantId::from_uuid(uuid::Uuid::nil()),
            role: "public".into(),
            permissions,
            target,
            expires_at: None,
            limits: CallLimits::default(),
        };
        Self(Rights::of_user(targets.into_iter().map(grant).collect()))
    }

    pub fn is_empty(&self) -> bool {
        self.0.own.is_empty()
    }

    pub fn allows(&self, permission: Permission, target: &Target, now: Timestamp) -> bool {
        self.0.allow(permission, target, now)
    }

    /// Decides by what anybody may do, which needs nobody's rights, and then by the caller's `own`. A stranger has
    /// none, and is refused what is not public.
    pub fn authorize<T: Demanding>(
        &self,
        own: Option<&Rights>,
        call: T,
        now: Timestamp,
    ) -> Result<Permit<T>, Denied<T>> {
        let denied = match authorize(&self.0, call, now) {
            Ok(permit) => return Ok(permit),
            Err(denied) => denied,
        };
        match own {
            Some(rights) => authorize(rights, denied.call, now),
            None => Err(denied),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Demand, built_in};

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);

    #[derive(Debug)]
    struct Pull(Vec<Demand>);

    impl Pull {
        fn of(repository: &str) -> Self {
            Self(vec![Demand { permission: Permission::RepoPull, target: Target::repository(repository) }])
        }
    }

    impl Demanding for Pull {
        fn demands(&self) -> &[Demand] {
            &self.0
        }
    }

    fn own(target: &str) -> Rights {
        let grant = CompiledGrant {
            id: GrantId::new(NOW),
            role: "viewer".into(),
            permissions: built_in("viewer").unwrap().permissions(),
            target: target.parse().unwrap(),
            expires_at: None,
            limits: CallLimits::default(),
        };
        Rights::of_user([grant].into())
    }

    #[test]
    fn everybody_and_then_the_caller() {
        let public = Public::new([Permission::RepoPull], ["repo:open/*".parse().unwrap()]);
        let of_closed = own("repo:closed/*");
        for (rights, repository, expected) in [
            (None, "open/app", true),
            (None, "closed/app", false),
            (Some(&of_closed), "open/app", true),
            (Some(&of_closed), "closed/app", true),
            (Some(&of_closed), "elsewhere/app", false),
        ] {
            let decided = public.authorize(rights, Pull::of(repository), NOW);
            assert_eq!(decided.is_ok(), expected, "{repository}");
        }
    }

    #[test]
    fn nothing_but_what_was_said() {
        let public = Public::new([Permission::RepoPull], ["repo:open/*".parse().unwrap()]);
        let open = Target::repository("open/app");
        assert!(public.allows(Permission::RepoPull, &open, NOW));
        assert!(!public.allows(Permission::RepoPush, &open, NOW));
        assert!(Public::new([Permission::RepoPull], []).is_empty() && !public.is_empty());
    }
}
