//! Roles on targets, given and taken away.

use super::{Actor, Changes, Done, Refused, Scene, carry_out};
use crate::{
    core::{
        Timestamp,
        id::{GrantId, TokenId},
    },
    policy::{BUILT_IN, Offer, TargetPattern},
    store::{AccessWrite, Db, GrantRow, Subject},
};
use serde_json::{Value, json};

#[derive(Clone, Debug)]
pub struct NewGrant {
    pub role: String,
    pub target: TargetPattern,
    pub expires_at: Option<Timestamp>,
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
    Ok(GrantRow::new(subject, &new.role, new.target.as_str(), new.expires_at, scene.now))
}

pub(super) fn offer(scene: &Scene<'_>, new: &NewGrant) -> Result<Offer, Refused> {
    let NewGrant { role, target, expires_at } = new;
    let permissions = scene.permissions_of(role).ok_or_else(|| unknown_role(scene, role))?;
    if expires_at.is_some_and(|end| end <= scene.now) {
        let problem = format!("is not in the future; it is {} now", scene.now);
        return Err(Refused::field("expires_at", problem));
    }
    Ok(Offer { permissions, target: target.clone(), expires_at: *expires_at })
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
        grant.subject() == Some(subject) && grant.role == new.role && grant.target == new.target.as_str()
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
    })
}

pub(super) fn offer_facts(new: &NewGrant) -> Value {
    json!({ "role": new.role, "target": new.target.as_str(), "expires_at": new.expires_at })
}
