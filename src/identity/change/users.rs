//! People and service accounts.

use super::{
    Actor, Changes, Done, Refused, Scene,
    admins::must_remain,
    carry_out,
    grants::{self, NewGrant},
    names,
};
use crate::{
    core::{Timestamp, id::UserId},
    identity::email,
    store::{AccessWrite, Db, StoreResult, Subject, UserRow},
};
use serde_json::{Value, json};

/// Somebody to be added, with what they hold from the beginning.
#[derive(Clone, Debug)]
pub struct NewUser {
    pub email: String,
    pub name: String,
    pub grants: Vec<NewGrant>,
}

/// What to change; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct UserEdit {
    pub email: Option<String>,
    pub name: Option<String>,
}

pub fn email(text: &str) -> Result<String, Refused> {
    email::canonical(text).map_err(|error| Refused::field("email", error.to_string()))
}

fn name(text: &str) -> Result<String, Refused> {
    names::line(text).map_err(|problem| Refused::field("name", problem))
}

pub async fn create(
    db: &Db,
    actor: &Actor<'_>,
    now: Timestamp,
    new: &NewUser,
) -> Result<Done<UserRow>, Refused> {
    let user = UserRow::new(&email(&new.email)?, &name(&new.name)?, now);
    carry_out(db, actor, now, |scene| {
        scene.must_be_a_person()?;
        if scene.user(&user.email).is_ok() {
            return Err(Refused::Conflict(format!("the user {} exists already", user.email)));
        }
        let mut writes = vec![AccessWrite::AddUser(user.clone())];
        for grant in &new.grants {
            writes.push(AccessWrite::AddGrant(grants::offered(scene, Subject::User(user.id), grant)?));
        }
        let grants: Vec<_> = new.grants.iter().map(grants::offer_facts).collect();
        let facts = json!({ "user": facts(&user), "grants": grants });
        Ok((writes, Done { value: user, changes: Changes::added(facts) }))
    })
    .await
}

pub async fn update(
    db: &Db,
    actor: &Actor<'_>,
    now: Timestamp,
    who: &str,
    edit: &UserEdit,
) -> Result<Done<UserRow>, Refused> {
    let new_email = edit.email.as_deref().map(email).transpose()?;
    let new_name = edit.name.as_deref().map(name).transpose()?;
    carry_out(db, actor, now, |scene| {
        scene.must_be_a_person()?;
        let before = scene.user(who)?;
        scene.may_take_over(before.id)?;
        let mut after = before.clone();
        if let Some(name) = new_name {
            after.name = name;
        }
        if let Some(email) = new_email {
            after.email = email;
        }
        let UserRow { id, email, name, .. } = after.clone();
        let mut writes = vec![AccessWrite::SetUser { id, email, name }];
        if after.email != before.email {
            if scene.rows.users.iter().any(|user| user.email == after.email) {
                return Err(Refused::Conflict(format!("the user {} exists already", after.email)));
            }
            // Who they are to providers changes, so everybody logs in anew.
            writes.push(AccessWrite::EndSessions { user: id, why: "email changed", at: now });
            writes.push(AccessWrite::RevokeLinks { email: before.email.clone(), at: now });
        }
        let changes = Changes::new(facts(before), facts(&after));
        Ok((writes, Done { value: after, changes }))
    })
    .await
}

/// Their sessions end for good; their tokens do not work until they are unlocked. Who is locked already stays so since
/// then and for that reason, unless there is a new one.
pub async fn lock(
    db: &Db,
    actor: &Actor<'_>,
    now: Timestamp,
    who: &str,
    reason: &str,
) -> Result<Done<UserRow>, Refused> {
    let reason = names::line(reason).map_err(|problem| Refused::field("reason", problem))?;
    carry_out(db, actor, now, |scene| {
        let before = scene.user(who)?;
        not_oneself(scene, before, "lock")?;
        let (mut after, mut writes) = (before.clone(), Vec::new());
        if before.locked_at.is_none() || !reason.is_empty() {
            (after.locked_at, after.locked_reason) = (Some(now), Some(reason.clone()));
            writes.push(AccessWrite::LockUser { id: before.id, at: now, reason });
        }
        writes.push(AccessWrite::EndSessions { user: before.id, why: "user locked", at: now });
        let changes = Changes::new(facts(before), facts(&after));
        Ok((writes, Done { value: after, changes }))
    })
    .await
}

/// How somebody is shut out who failed too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutOut {
    Locked,
    /// By somebody else, or by another attempt at the same time.
    Already,
    /// The last who may administer everything: nobody inside could unlock them again.
    Spared,
}

/// Locks somebody who failed too often and ends their sessions, one of which is the guesser's; of several that try, one
/// is told [`ShutOut::Locked`].
pub async fn lock_for_failures(db: &Db, now: Timestamp, id: UserId, reason: &str) -> StoreResult<ShutOut> {
    let decided = db.decide(None, |rows| {
        let is_open = rows.users.iter().any(|user| user.id == id && user.locked_at.is_none());
        if !is_open {
            return Err(ShutOut::Already);
        }
        let writes = vec![
            AccessWrite::LockUser { id, at: now, reason: reason.to_owned() },
            AccessWrite::EndSessions { user: id, why: "too many failed proofs", at: now },
        ];
        match must_remain(rows, &writes) {
            Ok(()) => Ok((writes, ShutOut::Locked)),
            Err(_) => Err(ShutOut::Spared),
        }
    });
    Ok(Box::pin(decided).await?.unwrap_or_else(|not_locked| not_locked))
}

pub async fn unlock(db: &Db, actor: &Actor<'_>, now: Timestamp, who: &str) -> Result<Done<UserRow>, Refused> {
    carry_out(db, actor, now, |scene| {
        scene.must_be_a_person()?;
        let before = scene.user(who)?;
        scene.may_take_over(before.id)?;
        let after = UserRow { locked_at: None, locked_reason: None, ..before.clone() };
        let changes = Changes::new(facts(before), facts(&after));
        Ok((vec![AccessWrite::UnlockUser(before.id)], Done { value: after, changes }))
    })
    .await
}

/// With all that is theirs, and the links by which somebody could come in as them again.
pub async fn delete(db: &Db, actor: &Actor<'_>, now: Timestamp, who: &str) -> Result<Done<()>, Refused> {
    carry_out(db, actor, now, |scene| {
        let user = scene.user(who)?;
        not_oneself(scene, user, "delete")?;
        scene.may_take_over_if_a_person(user.id)?;
        let changes = Changes::removed(facts(user));
        let writes = vec![
            AccessWrite::RevokeLinks { email: user.email.clone(), at: now },
            AccessWrite::DeleteUser(user.id),
        ];
        Ok((writes, Done { value: (), changes }))
    })
    .await
}

/// Forgets all second factors, so that the person enrols anew at the next login.
pub async fn reset_mfa(db: &Db, actor: &Actor<'_>, now: Timestamp, who: &str) -> Result<Done<()>, Refused> {
    carry_out(db, actor, now, |scene| {
        scene.must_be_a_person()?;
        let user = scene.user(who)?;
        not_oneself(scene, user, "reset the second factors of")?;
        scene.may_take_over(user.id)?;
        let writes = vec![
            AccessWrite::ResetMfa(user.id),
            AccessWrite::EndSessions { user: user.id, why: "second factors reset", at: now },
        ];
        let after = UserRow { mfa_enrolled_at: None, preferred_mfa: None, ..user.clone() };
        Ok((writes, Done { value: (), changes: Changes::new(facts(user), facts(&after)) }))
    })
    .await
}

fn not_oneself(scene: &Scene<'_>, user: &UserRow, verb: &str) -> Result<(), Refused> {
    if scene.is_caller(user.id) {
        return Err(Refused::NotAllowed(format!("nobody may {verb} themselves; ask somebody else")));
    }
    Ok(())
}

/// For the audit record.
fn facts(user: &UserRow) -> Value {
    json!({
        "email": user.email,
        "name": user.name,
        "locked_at": user.locked_at,
        "locked_reason": user.locked_reason,
        "mfa_enrolled": user.mfa_enrolled_at.is_some(),
    })
}
