//! Custom roles. An edit reaches everybody who holds the role, so it counts as giving to each of them.

use super::{Actor, Changes, Done, Refused, Scene, carry_out, names};
use crate::{
    core::Timestamp,
    identity::snapshot::limits_of,
    policy::{CallLimits, Offer, PermissionPattern, PermissionSet, built_in},
    store::{AccessWrite, Db, RoleRow},
};
use serde_json::{Value, json};

#[derive(Clone, Debug)]
pub struct NewRole {
    pub name: String,
    pub description: String,
    /// Permission patterns.
    pub permissions: Vec<String>,
}

/// What to change; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct RoleEdit {
    pub description: Option<String>,
    pub permissions: Option<Vec<String>>,
}

/// Most patterns of one role.
const LONGEST: usize = 200;

pub async fn create(
    db: &Db,
    actor: &Actor<'_>,
    now: Timestamp,
    new: &NewRole,
) -> Result<Done<RoleRow>, Refused> {
    let role = RoleRow {
        name: names::role(&new.name).map_err(|problem| Refused::field("name", problem))?,
        description: description(&new.description)?,
        permissions: patterns(&new.permissions)?,
        created_at: now,
    };
    carry_out(db, actor, now, |scene| {
        scene.must_be_a_person()?;
        if built_in(&role.name).is_some() {
            return Err(Refused::Conflict(format!("the role {} exists already: it is built in", role.name)));
        }
        if scene.permissions_of(&role.name).is_some() {
            return Err(Refused::Conflict(format!("the role {} exists already", role.name)));
        }
        // Grants may name a role that was removed, and come to life with it.
        may_spread(scene, &role.name, expand(&role.permissions))?;
        let changes = Changes::added(facts(&role));
        Ok((vec![AccessWrite::AddRole(role.clone())], Done { value: role, changes }))
    })
    .await
}

pub async fn update(
    db: &Db,
    actor: &Actor<'_>,
    now: Timestamp,
    name: &str,
    edit: &RoleEdit,
) -> Result<Done<RoleRow>, Refused> {
    let new_description = edit.description.as_deref().map(description).transpose()?;
    let new_permissions = edit.permissions.as_deref().map(patterns).transpose()?;
    carry_out(db, actor, now, |scene| {
        scene.must_be_a_person()?;
        let before = custom(scene, name)?;
        let mut after = before.clone();
        if let Some(description) = new_description {
            after.description = description;
        }
        if let Some(permissions) = new_permissions {
            after.permissions = permissions;
        }
        may_spread(scene, name, expand(&after.permissions).without(expand(&before.permissions)))?;
        let RoleRow { name, description, permissions, .. } = after.clone();
        let changes = Changes::new(facts(before), facts(&after));
        Ok((vec![AccessWrite::SetRole { name, description, permissions }], Done { value: after, changes }))
    })
    .await
}

/// Grants that name it stay, and allow nothing.
pub async fn remove(
    db: &Db,
    actor: &Actor<'_>,
    now: Timestamp,
    name: &str,
) -> Result<Done<RoleRow>, Refused> {
    carry_out(db, actor, now, |scene| {
        let role = custom(scene, name)?;
        let changes = Changes::removed(facts(role));
        Ok((vec![AccessWrite::RemoveRole(role.name.clone())], Done { value: role.clone(), changes }))
    })
    .await
}

fn custom<'a>(scene: &Scene<'a>, name: &str) -> Result<&'a RoleRow, Refused> {
    if built_in(name).is_some() {
        return Err(Refused::Conflict(format!(
            "the role {name} is built in and cannot be changed or removed"
        )));
    }
    let found = scene.rows.roles.iter().find(|role| role.name == name);
    found.ok_or_else(|| Refused::NotFound(format!("the role {name}")))
}

/// Checks that the actor holds what is added, on every target and for as long as anybody holds the role, or will when
/// they take an invitation. A patterns text that grows a role with a later version is counted as of this one.
fn may_spread(scene: &Scene<'_>, role: &str, added: PermissionSet) -> Result<(), Refused> {
    let invitations = scene.rows.invitations.iter().filter(|link| link.role.as_deref() == Some(role));
    for invitation in invitations.filter(|link| scene.now < link.expires_at) {
        let Ok(target) = invitation.target.as_deref().unwrap_or("*").parse() else { continue };
        let limits = CallLimits::default();
        scene.may_give(&Offer { permissions: added, target, expires_at: None, limits })?;
    }
    let holders = scene.rows.grants.iter().filter(|grant| grant.role == role);
    for grant in holders.filter(|grant| grant.expires_at.is_none_or(|end| scene.now < end)) {
        let (Ok(target), Ok(limits)) = (grant.target.parse(), limits_of(grant)) else { continue };
        scene.may_give(&Offer { permissions: added, target, expires_at: grant.expires_at, limits })?;
    }
    Ok(())
}

fn description(text: &str) -> Result<String, Refused> {
    names::line(text).map_err(|problem| Refused::field("description", problem))
}

/// One a line, as they are stored.
fn patterns(texts: &[String]) -> Result<String, Refused> {
    if texts.is_empty() || texts.len() > LONGEST {
        return Err(Refused::field("permissions", format!("name 1 to {LONGEST} permissions")));
    }
    for text in texts {
        PermissionPattern::parse(text).map_err(|error| Refused::field("permissions", error.to_string()))?;
    }
    Ok(texts.join("\n"))
}

/// What stored patterns hold in this version.
pub fn expand(permissions: &str) -> PermissionSet {
    permissions
        .lines()
        .filter_map(|line| PermissionPattern::parse(line.trim()).ok())
        .fold(PermissionSet::default(), |set, pattern| set.union(pattern.expand()))
}

fn facts(role: &RoleRow) -> Value {
    json!({
        "name": role.name,
        "description": role.description,
        "permissions": role.permissions.lines().collect::<Vec<_>>(),
    })
}
