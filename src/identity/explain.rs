//! Why somebody may do something, or what is missing. The answer comes from the function that decides.

use super::{
    Principal, Via,
    change::{rights_of, token_rights},
};
use crate::{
    core::Timestamp,
    policy::{CallLimits, CompiledGrant, Demand, MfaLevel, Missing, Rights, consider},
    store::{AccessRows, TokenRow, UserRow},
};

/// What a decision would be, and why.
#[derive(Clone, Debug)]
pub struct Explanation {
    pub demand: Demand,
    /// The grant that allows it, or what is missing.
    pub verdict: Result<CompiledGrant, Lacking>,
    /// What a person must prove besides; tokens never need a factor.
    pub mfa: MfaLevel,
    /// The limits within which calls of the service are granted, where that depends on the call.
    only: Option<CallLimits>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacking {
    /// No grant of the person, or of the token, gives it.
    Grant,
    /// A grant gives it for some calls of the service; which one is meant is not told.
    Limits,
    /// The token has it and its owner has not.
    OwnersGrant,
    Locked,
    Revoked,
    Expired,
}

impl Lacking {
    /// For programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Limits => "limits",
            Self::OwnersGrant => "owners_grant",
            Self::Locked => "locked",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

impl Explanation {
    /// Of somebody who is present.
    pub fn of(principal: &Principal, demand: Demand, now: Timestamp) -> Self {
        let is_person = matches!(principal.via, Via::Session(_));
        Self::by(&principal.rights, demand, is_person, now)
    }

    /// Of a person, as they would be with a session.
    pub fn of_user(rows: &AccessRows, user: &UserRow, demand: Demand, now: Timestamp) -> Self {
        let explanation = Self::by(&rights_of(rows, user.id), demand, true, now);
        match user.locked_at {
            Some(_) => explanation.kept_out(Lacking::Locked),
            None => explanation,
        }
    }

    pub fn of_token(rows: &AccessRows, token: &TokenRow, demand: Demand, now: Timestamp) -> Self {
        let explanation = Self::by(&token_rights(rows, token.id, token.user_id), demand, false, now);
        let owner = rows.users.iter().find(|user| user.id == token.user_id);
        if token.revoked_at.is_some() {
            return explanation.kept_out(Lacking::Revoked);
        }
        if token.expires_at.is_some_and(|end| end <= now) {
            return explanation.kept_out(Lacking::Expired);
        }
        if owner.is_none_or(|owner| owner.locked_at.is_some()) {
            return explanation.kept_out(Lacking::Locked);
        }
        explanation
    }

    fn by(rights: &Rights, demand: Demand, is_person: bool, now: Timestamp) -> Self {
        let verdict = match consider(rights, &demand, now) {
            Ok(grant) => Ok(grant.clone()),
            Err(Missing::OwnersGrant) => Err(Lacking::OwnersGrant),
            Err(Missing::Grant | Missing::Demand) => Err(Lacking::Grant),
        };
        let only = limits(rights, &demand, now);
        let verdict = match verdict {
            Err(Lacking::Grant | Lacking::OwnersGrant) if only.is_some() => Err(Lacking::Limits),
            verdict => verdict,
        };
        let mfa = if is_person { demand.permission.mfa() } else { MfaLevel::None };
        Self { demand, verdict, mfa, only }
    }

    fn kept_out(self, why: Lacking) -> Self {
        Self { verdict: Err(why), ..self }
    }

    pub const fn is_allowed(&self) -> bool {
        self.verdict.is_ok()
    }

    /// For people.
    pub fn sentence(&self) -> String {
        let (permission, target) = (self.demand.permission, self.demand.target.written());
        match &self.verdict {
            Ok(grant) => {
                let until = grant.expires_at.map(|end| format!(" until {end}")).unwrap_or_default();
                format!("the role {} on {}{until} gives {permission} on {target}", grant.role, grant.target)
            }
            Err(Lacking::Grant) => format!("no grant gives {permission} on {target}"),
            Err(Lacking::Limits) => {
                let only = self.only.clone().unwrap_or_default();
                format!("{permission} on {target} is granted for some calls only:{only}")
            }
            Err(Lacking::OwnersGrant) => {
                format!("the token has {permission} on {target}, but its owner has not")
            }
            Err(Lacking::Locked) => "the user is locked".to_owned(),
            Err(Lacking::Revoked) => "the token is revoked".to_owned(),
            Err(Lacking::Expired) => "the token is past its end".to_owned(),
        }
    }
}

/// Of the first limited grant of the caller's own that is about the target.
fn limits(rights: &Rights, demand: &Demand, now: Timestamp) -> Option<CallLimits> {
    let Demand { permission, target } = demand;
    let mut limited = rights.own.iter().filter(|grant| {
        !grant.limits.is_none()
            && grant.permissions.contains(*permission)
            && grant.is_in_force(now)
            && grant.target.covers(target)
    });
    limited.next().map(|grant| grant.limits.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        identity::change::testing::{NOW, World},
        policy::{Demanding, Permission, authorize},
        store::{GrantRow, Subject},
    };
    use proptest::prelude::*;

    fn restart(target: &str) -> Demand {
        Demand { permission: Permission::AppRestart, target: target.parse().unwrap() }
    }

    fn of(world: &World, name: &str, demand: Demand) -> Explanation {
        Explanation::of_user(&world.rows, world.user(name), demand, NOW)
    }

    fn token(world: &mut World, owner: &str, role: &str) -> TokenRow {
        let token = TokenRow::new(world.id(owner), "ci", vec![0; 32], NOW);
        world.rows.grants.push(GrantRow::new(Subject::Token(token.id), role, "*", None, NOW));
        token
    }

    #[test]
    fn what_depends_on_the_call_is_told_so() {
        let mut world = World::with(&[("ada", "viewer", "staging")]);
        let ada = world.id("ada");
        let limited = GrantRow::new(Subject::User(ada), "ops", "service:web", None, NOW);
        world.rows.grants.push(limited.limited(Some("GET".to_owned()), Some("/api/".to_owned())));
        let call = Demand { permission: Permission::ServiceCall, target: "service:web".parse().unwrap() };
        let said = of(&world, "ada", call);
        assert!(!said.is_allowed());
        assert_eq!(
            said.sentence(),
            "service:instance:call on service:web is granted for some calls only: with GET below /api/"
        );
        let other =
            Demand { permission: Permission::ServiceCall, target: "service:billing".parse().unwrap() };
        assert_eq!(
            of(&world, "ada", other).sentence(),
            "no grant gives service:instance:call on service:billing"
        );
    }

    #[test]
    fn says_by_which_grant_or_what_is_missing() {
        let mut world = World::with(&[("ada", "ops", "staging/*"), ("bob", "viewer", "*")]);
        let yes = of(&world, "ada", restart("staging/web"));
        assert_eq!(yes.sentence(), "the role ops on staging/* gives convox:app:restart on staging/web");
        assert_eq!(yes.mfa, MfaLevel::StepUp);
        let no = of(&world, "bob", restart("staging/web"));
        assert_eq!(no.sentence(), "no grant gives convox:app:restart on staging/web");
        assert_eq!(no.verdict.unwrap_err().as_str(), "grant");

        let token = token(&mut world, "bob", "ops");
        let explain = |token: &TokenRow, world: &World| {
            Explanation::of_token(&world.rows, token, restart("staging/web"), NOW)
        };
        let no = explain(&token, &world);
        assert_eq!((no.verdict.as_ref().unwrap_err(), no.mfa), (&Lacking::OwnersGrant, MfaLevel::None));
        let revoked = TokenRow { revoked_at: Some(NOW), ..token.clone() };
        assert_eq!(explain(&revoked, &world).verdict.unwrap_err(), Lacking::Revoked);
        let expired = TokenRow { expires_at: Some(NOW), ..token.clone() };
        assert_eq!(explain(&expired, &world).verdict.unwrap_err(), Lacking::Expired);
        world.rows.users.iter_mut().for_each(|user| user.locked_at = Some(NOW));
        assert_eq!(explain(&token, &world).verdict.unwrap_err(), Lacking::Locked);
        assert_eq!(of(&world, "ada", restart("staging/web")).verdict.unwrap_err(), Lacking::Locked);
    }

    #[derive(Debug)]
    struct One([Demand; 1]);

    impl Demanding for One {
        fn demands(&self) -> &[Demand] {
            &self.0
        }
    }

    proptest! {
        #[test]
        fn the_explanation_is_the_decision(
            role in prop::sample::select(vec!["viewer", "ops", "deployer", "cicd", "admin"]),
            pattern in prop::sample::select(vec!["*", "a", "a/web", "repo:a/**", "service:a", "gateway:*"]),
            target in prop::sample::select(vec!["a", "a/web", "b/web", "repo:a/x", "service:a", "gateway"]),
            permission in prop::sample::select(Permission::ALL.to_vec()),
        ) {
            let world = World::with(&[("ada", role, pattern)]);
            let demand = Demand { permission, target: target.parse().unwrap() };
            let decided = authorize(&rights_of(&world.rows, world.id("ada")), One([demand.clone()]), NOW);
            prop_assert_eq!(of(&world, "ada", demand).is_allowed(), decided.is_ok());
        }
    }
}
