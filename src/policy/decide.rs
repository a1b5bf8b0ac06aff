//! The decision. Nothing but [`authorize`] makes a [`Permit`], and nothing but a `Permit` opens an upstream.

use super::{CompiledGrant, Permission, Rights, Target};
use crate::core::Timestamp;
use std::fmt;

/// A permission that a call needs, and on what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Demand {
    pub permission: Permission,
    pub target: Target,
}

/// A call that knows what it needs. All demands must be met; a call without demands is refused.
pub trait Demanding {
    fn demands(&self) -> &[Demand];
}

impl<T: Demanding + ?Sized> Demanding for Box<T> {
    fn demands(&self) -> &[Demand] {
        (**self).demands()
    }
}

/// Proof that `T` was authorised. It owns the call, so what is sent is what was decided on.
#[derive(Debug)]
#[must_use]
pub struct Permit<T> {
    call: T,
}

impl<T> Permit<T> {
    pub fn call(&self) -> &T {
        &self.call
    }

    /// The same permission for a call that `change` made of this one. For changes that need no more rights than
    /// were granted.
    pub(crate) fn map(self, change: impl FnOnce(T) -> T) -> Self {
        Self { call: change(self.call) }
    }

    pub fn into_call(self) -> T {
        self.call
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missing {
    /// No grant of the caller (person, or token) gives the permission on the target.
    Grant,
    /// The token has it, but the token's owner has not, or no longer.
    OwnersGrant,
    /// The call names no permission at all: a hole in a catalogue, closed by refusing.
    Demand,
}

/// A refusal, with what would have been needed. The call comes back so that it can be recorded.
#[derive(Debug)]
pub struct Denied<T> {
    pub call: T,
    pub demand: Option<Demand>,
    pub missing: Missing,
}

impl<T> fmt::Display for Denied<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.demand, self.missing) {
            (Some(demand), Missing::OwnersGrant) => {
                write!(f, "the token's owner no longer holds {} on {}", demand.permission, demand.target)
            }
            (Some(demand), _) => write!(f, "needs {} on {}", demand.permission, demand.target),
            (None, _) => f.write_str("no permission covers this call"),
        }
    }
}

/// Decides. Deny is the default: every demand must be met by a grant that is in force at `now`.
pub fn authorize<T: Demanding>(rights: &Rights, call: T, now: Timestamp) -> Result<Permit<T>, Denied<T>> {
    let demands = call.demands();
    if demands.is_empty() {
        return Err(Denied { call, demand: None, missing: Missing::Demand });
    }
    let unmet = demands.iter().find_map(|demand| {
        let missing = consider(rights, demand, now).err()?;
        Some((demand.clone(), missing))
    });
    match unmet {
        None => Ok(Permit { call }),
        Some((demand, missing)) => Err(Denied { call, demand: Some(demand), missing }),
    }
}

/// The grant by which one demand is met, or what is missing. [`authorize`] and every explanation ask this.
pub fn consider<'a>(
    rights: &'a Rights,
    demand: &Demand,
    now: Timestamp,
) -> Result<&'a CompiledGrant, Missing> {
    let Some(grant) = rights.own_grant(demand.permission, &demand.target, now) else {
        return Err(Missing::Grant);
    };
    if !rights.owner_allows(demand.permission, &demand.target, now) {
        return Err(Missing::OwnersGrant);
    }
    Ok(grant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::id::GrantId,
        policy::{CallLimits, built_in},
    };
    use proptest::prelude::*;
    use std::sync::Arc;

    #[derive(Debug)]
    struct Call(Vec<Demand>);

    impl Demanding for Call {
        fn demands(&self) -> &[Demand] {
            &self.0
        }
    }

    fn call(permission: Permission, target: Target) -> Call {
        Call(vec![Demand { permission, target }])
    }

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);

    fn grant(role: &str, target: &str, expires_at: Option<i64>) -> CompiledGrant {
        CompiledGrant {
            id: GrantId::new(NOW),
            role: role.into(),
            permissions: built_in(role).unwrap().permissions(),
            target: target.parse().unwrap(),
            expires_at: expires_at.map(Timestamp::from_micros),
            limits: CallLimits::default(),
        }
    }

    fn user(grants: impl IntoIterator<Item = CompiledGrant>) -> Rights {
        Rights::of_user(grants.into_iter().collect())
    }

    #[test]
    fn denies_by_default() {
        let denied = authorize(&user([]), call(Permission::AppList, Target::rack("r")), NOW).unwrap_err();
        assert_eq!(denied.missing, Missing::Grant);
        assert_eq!(denied.to_string(), "needs convox:app:list on r");
    }

    #[test]
    fn a_call_without_demands_is_refused_even_to_admins() {
        let denied = authorize(&user([grant("admin", "*", None)]), Call(vec![]), NOW).unwrap_err();
        assert_eq!(denied.missing, Missing::Demand);
    }

    #[test]
    fn every_demand_must_be_met() {
        let rights = user([grant("viewer", "*", None)]);
        let demands = [Permission::AppRead, Permission::EnvRead]
            .map(|permission| Demand { permission, target: Target::app("r", "web") });
        let denied = authorize(&rights, Call(demands.to_vec()), NOW).unwrap_err();
        assert_eq!(denied.demand.unwrap().permission, Permission::EnvRead);
    }

    #[test]
    fn a_grant_ends_at_its_expiry() {
        let rights = |end| user([grant("viewer", "*", Some(end))]);
        let list = || call(Permission::AppList, Target::rack("r"));
        assert!(authorize(&rights(NOW.as_micros() + 1), list(), NOW).is_ok());
        assert!(authorize(&rights(NOW.as_micros()), list(), NOW).is_err());
    }

    #[test]
    fn a_token_never_exceeds_its_owner() {
        let admin_token_of =
            |owner: Arc<[CompiledGrant]>| Rights::of_token([grant("admin", "*", None)].into(), owner);
        let restart = || call(Permission::AppRestart, Target::app("r", "web"));
        let denied =
            authorize(&admin_token_of([grant("viewer", "*", None)].into()), restart(), NOW).unwrap_err();
        assert_eq!(denied.missing, Missing::OwnersGrant);
        assert!(authorize(&admin_token_of([grant("ops", "r/web", None)].into()), restart(), NOW).is_ok());
    }

    /// The rule once more, written as plainly as possible.
    fn reference(grants: &[CompiledGrant], permission: Permission, rack: &str, app: &str) -> bool {
        for grant in grants {
            let in_force = grant.expires_at.is_none_or(|end| end > NOW);
            let holds = built_in(&grant.role).unwrap().permissions().iter().any(|held| held == permission);
            let on_target = match grant.target.as_str() {
                "*" => true,
                text if text == rack => true,
                text => text.split_once('/').is_some_and(|(r, a)| r == rack && (a == "*" || a == app)),
            };
            if in_force && holds && on_target {
                return true;
            }
        }
        false
    }

    fn any_grant() -> impl Strategy<Value = CompiledGrant> {
        let role = prop::sample::select(vec!["viewer", "ops", "deployer", "cicd", "admin"]);
        let target = prop::sample::select(vec!["*", "a", "b", "a/web", "a/*", "b/web", "b/api"]);
        let expiry = prop::option::of(0i64..2_000_000);
        (role, target, expiry).prop_map(|(role, target, expiry)| grant(role, target, expiry))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// CVE-2026-48794: at the edge of two rules, the wrong one counted.
        #[test]
        fn agrees_with_the_reference(
            grants in prop::collection::vec(any_grant(), 0..6),
            permission in prop::sample::select(Permission::ALL.to_vec()),
            rack in prop::sample::select(vec!["a", "b", "c"]),
            app in prop::sample::select(vec!["web", "api"]),
        ) {
            let expected = reference(&grants, permission, rack, app);
            let allowed = authorize(&user(grants), call(permission, Target::app(rack, app)), NOW).is_ok();
            prop_assert_eq!(allowed, expected);
        }
    }
}
