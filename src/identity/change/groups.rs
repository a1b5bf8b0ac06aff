//! Roles that the groups of a provider give: brought in line at each login.

use super::admins::must_remain;
use crate::{
    core::{Timestamp, id::UserId},
    store::{AccessRows, AccessWrite, Db, GrantRow, StoreResult, Subject},
};
use std::convert::Infallible;

/// What a person's groups at one provider give now: role and target, each pair once.
#[derive(Clone, Debug)]
pub struct GroupGrants<'a> {
    pub provider: &'a str,
    pub user: UserId,
    pub wanted: Vec<(&'a str, &'a str)>,
}

/// What changed.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    pub given: Vec<GrantRow>,
    pub taken: Vec<GrantRow>,
    /// What no group gives any more and stays all the same: without it nobody could administer everything.
    pub kept: Vec<GrantRow>,
}

impl GroupGrants<'_> {
    /// What groups gave and do not give any more goes; what people gave stays.
    pub async fn settle(&self, db: &Db, now: Timestamp) -> StoreResult<Settled> {
        let grants = db.grants().await?;
        if self.leaving(&grants).next().is_none() && self.coming(&grants, now).is_empty() {
            return Ok(Settled::default());
        }
        let decided = db.decide(None, |rows| {
            let settled = self.decide(rows, now);
            Ok::<_, Infallible>((settled.writes(self.user), settled))
        });
        let Ok(settled) = Box::pin(decided).await?;
        Ok(settled)
    }

    fn decide(&self, rows: &AccessRows, now: Timestamp) -> Settled {
        let mut settled = Settled { given: self.coming(&rows.grants, now), ..Settled::default() };
        for grant in self.leaving(&rows.grants) {
            settled.taken.push(grant.clone());
            if must_remain(rows, &settled.writes(self.user)).is_err() {
                settled.kept.extend(settled.taken.pop());
            }
        }
        settled
    }

    /// Grants that the provider's groups gave.
    fn held<'a>(&'a self, grants: &'a [GrantRow]) -> impl Iterator<Item = &'a GrantRow> {
        let is_mine = |grant: &&GrantRow| {
            grant.user_id == Some(self.user) && grant.origin.as_deref() == Some(self.provider)
        };
        grants.iter().filter(is_mine)
    }

    fn leaving<'a>(&'a self, grants: &'a [GrantRow]) -> impl Iterator<Item = &'a GrantRow> {
        self.held(grants).filter(|grant| !self.wanted.contains(&(grant.role.as_str(), grant.target.as_str())))
    }

    fn coming(&self, grants: &[GrantRow], now: Timestamp) -> Vec<GrantRow> {
        let is_new = |(role, target): &&(&str, &str)| {
            !self.held(grants).any(|grant| grant.role == *role && grant.target == *target)
        };
        self.wanted
            .iter()
            .filter(is_new)
            .map(|wanted| of_group(self.provider, self.user, *wanted, now))
            .collect()
    }
}

impl Settled {
    fn writes(&self, user: UserId) -> Vec<AccessWrite> {
        let given = self.given.iter().cloned().map(AccessWrite::AddGrant);
        let mut writes: Vec<_> =
            given.chain(self.taken.iter().map(|grant| AccessWrite::RemoveGrant(grant.id))).collect();
        if !writes.is_empty() {
            writes.push(AccessWrite::ForgetStepUp(user));
        }
        writes
    }
}

/// The row of a role that a group gives.
pub fn of_group(provider: &str, user: UserId, (role, target): (&str, &str), now: Timestamp) -> GrantRow {
    let grant = GrantRow::new(Subject::User(user), role, target, None, now);
    GrantRow { origin: Some(provider.to_owned()), ..grant }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::change::testing::{NOW, World};

    fn groups(user: UserId, wanted: Vec<(&'static str, &'static str)>) -> GroupGrants<'static> {
        GroupGrants { provider: "one", user, wanted }
    }

    fn by_group(world: &mut World, name: &str, role: &str) {
        let user = world.id(name);
        world.rows.grants.push(of_group("one", user, (role, "*"), NOW));
    }

    fn roles(grants: &[GrantRow]) -> Vec<&str> {
        grants.iter().map(|grant| grant.role.as_str()).collect()
    }

    #[test]
    fn what_people_or_other_providers_gave_stays() {
        let mut world = World::with(&[("ada", "viewer", "*"), ("eve", "admin", "*")]);
        by_group(&mut world, "ada", "ops");
        let ada = world.id("ada");
        world.rows.grants.push(of_group("two", ada, ("deployer", "*"), NOW));
        let settled = groups(ada, vec![("cicd", "staging")]).decide(&world.rows, NOW);
        assert_eq!((roles(&settled.given), roles(&settled.taken)), (vec!["cicd"], vec!["ops"]));
        assert!(settled.kept.is_empty());
        assert_eq!(settled.writes(ada).len(), 3, "and a new proof is due");
        assert!(groups(ada, vec![("ops", "*")]).decide(&world.rows, NOW).writes(ada).is_empty());
    }

    #[test]
    fn the_last_administrator_keeps_that_role_and_loses_the_others() {
        let mut world = World::with(&[("ada", "viewer", "*"), ("eve", "deployer", "*")]);
        by_group(&mut world, "ada", "ops");
        by_group(&mut world, "ada", "admin");
        let ada = world.id("ada");
        let settled = groups(ada, Vec::new()).decide(&world.rows, NOW);
        assert_eq!((roles(&settled.taken), roles(&settled.kept)), (vec!["ops"], vec!["admin"]));
        world.give("eve", "admin", "*", None);
        let settled = groups(ada, Vec::new()).decide(&world.rows, NOW);
        assert_eq!((roles(&settled.taken), roles(&settled.kept)), (vec!["ops", "admin"], vec![]));
    }
}
