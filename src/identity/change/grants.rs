//! Roles on targets, given and taken away.

use super::{Actor, Changes, Done, Refused, Scene, carry_out};
use crate::{
    core::{
        Timestamp,
        id::{GrantId, TokenId},
    },
    policy::{BUILT_IN, CallLimits, Offer, Permission, PermissionSet, TargetKind, TargetPattern},
    store::{AccessWrite, Db, GrantRow, Subject},
};
use serde_json::{Value, json};

#[derive(Clone, Debug)]
pub struct NewGrant {
    pub role: String,
    pub target: TargetPattern,
    pub expires_at: Option<Timestamp>,
    /// What of a service may be called.
    pub limits: CallLimits,
}

impl NewGrant {
    /// The row of whoever is to hold it.
    pub(super) fn row(&self, subject: Subject, now: Timestamp) -> GrantRow {
        let row = GrantRow::new(subject, &self.role, self.target.as_str(), self.expires_at, now);
        row.limited(self.limits.methods(), self.limits.path_prefix().map(str::to_owned))
    }
}

/// Who is to hold it, by the name they are known by.
#[derive(Clone, Debug)]
pub enum Holder {
    User(String),
    /// By name or id.
    Token(String),
}

pub async fn add(
    db: &Db,
    actor: &Actor<'_>,
    now: Timestamp,
    holder: &Holder,
    new: &NewGrant,
) -> Result<Done<GrantRow>, Refused> {
    carry_out(db, actor, now, |scene| {
        scene.must_be_a_person()?;
        let subject = subject(scene, holder)?;
        not_to_oneself(scene, subject)?;
        not_twice(scene, subject, new)?;
        let grant = offered(scene, subject, new)?;
        if let Subject::Token(id) = subject {
            must_fit_owner(scene, id, new)?;
        }
        let changes = Changes::added(facts(scene, &grant));
        Ok((vec![AccessWrite::AddGrant(grant.clone())], Done { value: grant, changes }))
    })
    .await
}

pub async fn remove(
    db: &Db,
    actor: &Actor<'_>,
    now: Timestamp,
    id: GrantId,
) -> Result<Done<GrantRow>, Refused> {
    carry_out(db, actor, now, |scene| {
        let found = scene.rows.grants.iter().find(|grant| grant.id == id);
        let grant = found.ok_or_else(|| Refused::NotFound(format!("the grant {id}")))?;
        let changes = Changes::removed(facts(scene, grant));
        Ok((vec![AccessWrite::RemoveGrant(id)], Done { value: grant.clone(), changes }))
    })
    .await
}

/// The row for `new`, if the role exists, the end lies ahead, and the actor holds all of it themselves.
pub(super) fn offered(scene: &Scene<'_>, subject: Subject, new: &NewGrant) -> Result<GrantRow, Refused> {
    scene.may_give(&offer(scene, new)?)?;
    Ok(new.row(subject, scene.now))
}

pub(super) fn offer(scene: &Scene<'_>, new: &NewGrant) -> Result<Offer, Refused> {
    let NewGrant { role, target, expires_at, limits } = new;
    let permissions = scene.permissions_of(role).ok_or_else(|| unknown_role(scene, role))?;
    must_be_about_calls(permissions, target, limits)?;
    if expires_at.is_some_and(|end| end <= scene.now) {
        let problem = format!("is not in the future; it is {} now", scene.now);
        return Err(Refused::field("expires_at", problem));
    }
    Ok(Offer { permissions, target: target.clone(), expires_at: *expires_at, limits: limits.clone() })
}

/// Limits say something about calls of services and nothing else; who sets them expects them to hold.
fn must_be_about_calls(
    permissions: PermissionSet,
    target: &TargetPattern,
    limits: &CallLimits,
) -> Result<(), Refused> {
    if limits.is_none() {
        return Ok(());
    }
    let field = if limits.methods().is_some() { "methods" } else { "path_prefix" };
    if !permissions.contains(Permission::ServiceCall) {
        let problem =
            format!("limits calls of services, and the role does not hold {}", Permission::ServiceCall);
        return Err(Refused::field(field, problem));
    }
    if !target.is_of(TargetKind::Service) {
        let problem = "limits calls of services; begin the target with service:, as in service:billing";
        return Err(Refused::field(field, problem.to_owned()));
    }
    Ok(())
}

fn unknown_role(scene: &Scene<'_>, role: &str) -> Refused {
    let custom = scene.rows.roles.iter().map(|role| role.name.as_str());
    let names: Vec<_> = BUILT_IN.iter().map(|role| role.name).chain(custom).collect();
    let role: String = role.chars().take(60).collect();
    Refused::field("role", format!("the role {role} does not exist; there are {}", names.join(", ")))
}

fn subject(scene: &Scene<'_>, holder: &Holder) -> Result<Subject, Refused> {
    match holder {
        Holder::User(email) => Ok(Subject::User(scene.user(email)?.id)),
        Holder::Token(name) => {
            let id = name.parse::<TokenId>().ok();
            let named = scene.rows.tokens.iter().find(|token| token.name == *name);
            let token = named.or_else(|| scene.rows.tokens.iter().find(|token| Some(token.id) == id));
            let token = token.ok_or_else(|| Refused::NotFound(format!("the token {name}")))?;
            Ok(Subject::Token(token.id))
        }
    }
}

/// What one holds by a group or for a time must not become one's own for good.
fn not_to_oneself(scene: &Scene<'_>, subject: Subject) -> Result<(), Refused> {
    match subject {
        Subject::User(id) if scene.is_caller(id) => {
            Err(Refused::NotAllowed("nobody may give roles to themselves; ask somebody else".to_owned()))
        }
        _ => Ok(()),
    }
}

/// Two grants of the same would surprise whoever removes one of them.
fn not_twice(scene: &Scene<'_>, subject: Subject, new: &NewGrant) -> Result<(), Refused> {
    let is_same = |grant: &&GrantRow| {
        grant.subject() == Some(subject)
            && grant.role == new.role
            && grant.target == new.target.as_str()
            && grant.methods == new.limits.methods()
            && grant.path_prefix.as_deref() == new.limits.path_prefix()
    };
    match scene.rows.grants.iter().find(is_same) {
        None => Ok(()),
        Some(grant) => Err(Refused::Conflict(format!(
            "{} on {} is held already, by the grant {}; remove that first to change its end",
            grant.role, grant.target, grant.id
        ))),
    }
}

fn must_fit_owner(scene: &Scene<'_>, token: TokenId, new: &NewGrant) -> Result<(), Refused> {
    // The operator may prepare a token before its owner holds anything.
    if scene.caller().is_none() {
        return Ok(());
    }
    let Some(token) = scene.rows.tokens.iter().find(|row| row.id == token) else { return Ok(()) };
    let offer = offer(scene, new)?;
    let fits = scene
        .may_hold(token.user_id, &Offer { expires_at: earlier(offer.expires_at, token.expires_at), ..offer });
    fits.map_err(|_| Refused::NotAllowed("the token's owner does not hold that".to_owned()))
}

pub(super) fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn facts(scene: &Scene<'_>, grant: &GrantRow) -> Value {
    let user = scene.rows.users.iter().find(|user| Some(user.id) == grant.user_id);
    let token = scene.rows.tokens.iter().find(|token| Some(token.id) == grant.token_id);
    json!({
        "id": grant.id,
        "user": user.map(|user| &user.email),
        "token": token.map(|token| &token.name),
        "role": grant.role,
        "target": grant.target,
        "expires_at": grant.expires_at,
        "methods": grant.methods,
        "path_prefix": grant.path_prefix,
    })
}

pub(super) fn offer_facts(new: &NewGrant) -> Value {
    json!({
        "role": new.role,
        "target": new.target.as_str(),
        "expires_at": new.expires_at,
        "methods": new.limits.methods(),
        "path_prefix": new.limits.path_prefix(),
    })
}
