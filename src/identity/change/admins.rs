//! Somebody must always be left who may do everything, or nobody could ever repair anything from inside.

use super::Refused;
use crate::{
    core::id::UserId,
    identity::snapshot::{compile_grants, role_permissions},
    policy::{Permission, PermissionSet, TargetPattern},
    store::{AccessRows, AccessWrite},
};

/// Those who may administer everything, and for good: not locked, with every permission on everything by one grant
/// that has no end.
pub fn administrators(rows: &AccessRows) -> Vec<UserId> {
    let everything = TargetPattern::everything();
    let all: PermissionSet = Permission::ALL.iter().copied().collect();
    let (by_user, _) = compile_grants(&rows.grants, &role_permissions(&rows.roles));
    let is_admin = |id: &UserId| {
        by_user.get(id).is_some_and(|grants| {
            grants.iter().any(|grant| {
                grant.expires_at.is_none()
                    && all.is_subset_of(grant.permissions)
                    && grant.target.contains(&everything)
            })
        })
    };
    let unlocked = rows.users.iter().filter(|user| user.locked_at.is_none());
    unlocked.map(|user| user.id).filter(is_admin).collect()
}

/// A database that has no administrator yet may go on having none.
pub(super) fn must_remain(rows: &AccessRows, writes: &[AccessWrite]) -> Result<(), Refused> {
    if administrators(rows).is_empty() || !administrators(&rows.after(writes)).is_empty() {
        return Ok(());
    }
    Err(Refused::LastAdmin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::Timestamp,
        identity::change::testing::{NOW, World},
    };

    fn world() -> World {
        World::with(&[("ada", "admin", "*"), ("bob", "deployer", "*"), ("eve", "admin", "rack:a")])
    }

    #[test]
    fn only_unending_unlocked_administrators_of_everything_count() {
        let mut world = world();
        assert_eq!(administrators(&world.rows), [world.user("ada").id]);
        let end = Some(Timestamp::from_micros(i64::MAX));
        world.give("bob", "admin", "*", end);
        assert_eq!(administrators(&world.rows).len(), 1, "an end is an end");
        world.role("root", "*:*:*");
        world.give("eve", "root", "**", None);
        assert_eq!(administrators(&world.rows).len(), 2, "a custom role may hold everything too");
    }

    #[test]
    fn whatever_takes_the_last_one_away_is_refused() {
        let world = world();
        let ada = world.user("ada").id;
        let grant = world.rows.grants.iter().find(|grant| grant.user_id == Some(ada)).unwrap().id;
        for write in [
            AccessWrite::DeleteUser(ada),
            AccessWrite::LockUser { id: ada, at: NOW, reason: String::new() },
            AccessWrite::RemoveGrant(grant),
        ] {
            let refused = must_remain(&world.rows, std::slice::from_ref(&write));
            assert!(matches!(refused, Err(Refused::LastAdmin)), "{write:?}");
        }
        assert!(must_remain(&world.rows, &[AccessWrite::DeleteUser(world.user("eve").id)]).is_ok());
    }

    #[test]
    fn a_role_edit_counts_too() {
        let mut world = World::with(&[("ada", "root", "*")]);
        world.role("root", "*:*:*");
        let edit = AccessWrite::SetRole {
            name: "root".into(),
            description: String::new(),
            permissions: "convox:*:*".into(),
        };
        assert!(matches!(must_remain(&world.rows, &[edit]), Err(Refused::LastAdmin)));
        assert!(must_remain(&world.rows, &[AccessWrite::RemoveRole("root".into())]).is_err());
    }

    #[test]
    fn without_an_administrator_nothing_is_lost() {
        let world = World::with(&[("bob", "viewer", "*")]);
        assert!(must_remain(&world.rows, &[AccessWrite::DeleteUser(world.user("bob").id)]).is_ok());
    }
}
