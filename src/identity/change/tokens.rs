//! API tokens. A token never holds more than its owner, nor than whoever makes it.

use super::{
    Actor, Changes, Done, Refused, Scene, carry_out,
    grants::{self, NewGrant, earlier, offer_facts},
    names,
};
use crate::{
    core::{Secret, Timestamp, id::TokenId},
    identity::{
        settings::Settings,
        snapshot::limits_of,
        token::{self, TokenHash},
    },
    policy::Offer,
    store::{AccessWrite, Db, GrantRow, Subject, TokenRow},
};
use serde_json::{Value, json};
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct NewToken {
    /// E-mail address of its owner.
    pub owner: String,
    pub name: String,
    pub expires_at: Option<Timestamp>,
    pub grants: Vec<NewGrant>,
}

/// What to change; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct TokenEdit {
    pub name: Option<String>,
    pub expires_at: Option<Timestamp>,
    /// All that it holds from now on.
    pub grants: Option<Vec<NewGrant>>,
}

/// A new token; its text is nowhere else.
#[derive(Debug)]
pub struct Made {
    pub secret: Secret,
    pub token: TokenRow,
    pub grants: Vec<GrantRow>,
}

/// Most grants of one token.
const MOST: usize = 50;

pub async fn create(
    db: &Db,
    actor: &Actor<'_>,
    now: Timestamp,
    defaults: &Settings,
    new: &NewToken,
) -> Result<Done<Made>, Refused> {
    let name = name(&new.name)?;
    let secret = token::generate();
    carry_out(db, actor, now, |scene| {
        scene.must_be_a_person()?;
        let owner = scene.user(&new.owner)?;
        not_taken(scene, &name, None)?;
        let limit = defaults.with(&scene.rows.settings).api_token_max;
        let token = TokenRow {
            id: TokenId::new(now),
            user_id: owner.id,
            name,
            hash: TokenHash::of(secret.expose()).as_bytes().to_vec(),
            created_at: now,
            expires_at: end(scene, new.expires_at, limit)?,
            revoked_at: None,
            last_used_at: None,
            created_by: scene.caller(),
        };
        let grants = granted(scene, &token, &new.grants)?;
        let mut writes = vec![AccessWrite::AddToken(token.clone())];
        writes.extend(grants.iter().cloned().map(AccessWrite::AddGrant));
        let changes = Changes::added(facts(&owner.email, &token, &grants));
        Ok((writes, Done { value: Made { secret, token, grants }, changes }))
    })
    .await
}

pub async fn update(
    db: &Db,
    actor: &Actor<'_>,
    now: Timestamp,
    defaults: &Settings,
    id: TokenId,
    edit: &TokenEdit,
) -> Result<Done<TokenRow>, Refused> {
    let new_name = edit.name.as_deref().map(name).transpose()?;
    carry_out(db, actor, now, |scene| {
        scene.must_be_a_person()?;
        let before = usable(scene, id)?;
        let held: Vec<_> = of_token(scene, id).cloned().collect();
        let mut after = before.clone();
        if let Some(name) = new_name {
            not_taken(scene, &name, Some(id))?;
            after.name = name;
        }
        if edit.expires_at.is_some() {
            let limit = defaults.with(&scene.rows.settings).api_token_max;
            after.expires_at = end(scene, edit.expires_at, limit)?;
        }
        // A later end gives what the token holds for longer, so that is looked at again too.
        let asked: Option<Vec<_>> = match &edit.grants {
            None if after.expires_at == before.expires_at => None,
            None => Some(held.iter().filter_map(as_new).collect()),
            Some(grants) => Some(grants.clone()),
        };
        let TokenRow { id, name, expires_at, user_id, .. } = after.clone();
        let mut writes = vec![AccessWrite::SetToken { id, name, expires_at }];
        let mut holds = held.clone();
        if let Some(asked) = asked {
            holds = granted(scene, &after, &asked)?;
            writes.extend(held.iter().map(|grant| AccessWrite::RemoveGrant(grant.id)));
            writes.extend(holds.iter().cloned().map(AccessWrite::AddGrant));
        }
        let owner = scene.rows.users.iter().find(|user| user.id == user_id);
        let owner = owner.map(|user| user.email.as_str()).unwrap_or_default();
        let changes = Changes::new(facts(owner, before, &held), facts(owner, &after, &holds));
        Ok((writes, Done { value: after, changes }))
    })
    .await
}

pub async fn revoke(
    db: &Db,
    actor: &Actor<'_>,
    now: Timestamp,
    id: TokenId,
) -> Result<Done<TokenRow>, Refused> {
    carry_out(db, actor, now, |scene| {
        let before = usable(scene, id)?;
        let after = TokenRow { revoked_at: Some(now), ..before.clone() };
        let changes = Changes::new(
            json!({ "name": before.name, "revoked_at": null }),
            json!({ "name": before.name, "revoked_at": now }),
        );
        Ok((vec![AccessWrite::RevokeToken { id, at: now }], Done { value: after, changes }))
    })
    .await
}

fn name(text: &str) -> Result<String, Refused> {
    names::token(text).map_err(|problem| Refused::field("name", problem))
}

fn not_taken(scene: &Scene<'_>, name: &str, own: Option<TokenId>) -> Result<(), Refused> {
    let taken = scene.rows.tokens.iter().any(|token| token.name == name && Some(token.id) != own);
    if taken { Err(Refused::Conflict(format!("the token {name} exists already"))) } else { Ok(()) }
}

fn usable<'a>(scene: &Scene<'a>, id: TokenId) -> Result<&'a TokenRow, Refused> {
    let found = scene.rows.tokens.iter().find(|token| token.id == id);
    let token = found.ok_or_else(|| Refused::NotFound(format!("the token {id}")))?;
    match token.revoked_at {
        None => Ok(token),
        Some(at) => Err(Refused::Conflict(format!("the token {} was revoked already, at {at}", token.name))),
    }
}

/// The operator may make tokens without an end.
fn end(
    scene: &Scene<'_>,
    wanted: Option<Timestamp>,
    longest: Duration,
) -> Result<Option<Timestamp>, Refused> {
    if let Some(wanted) = wanted.filter(|end| *end <= scene.now) {
        let problem = format!("{wanted} is not in the future; it is {} now", scene.now);
        return Err(Refused::field("expires_at", problem));
    }
    if scene.caller().is_none() {
        return Ok(wanted);
    }
    let latest = scene.now.saturating_add(longest);
    match wanted {
        None => Ok(Some(scene.now.saturating_add(DEFAULT_LIFE.min(longest)))),
        Some(wanted) if wanted <= latest => Ok(Some(wanted)),
        Some(_) => Err(Refused::field(
            "expires_at",
            format!("a token may last {} days at most, until {latest}", longest.as_secs() / 86_400),
        )),
    }
}

const DEFAULT_LIFE: Duration = Duration::from_secs(90 * 86_400);

/// The rows for `wanted`, if both the actor and the owner hold all of it while the token lasts.
fn granted(scene: &Scene<'_>, token: &TokenRow, wanted: &[NewGrant]) -> Result<Vec<GrantRow>, Refused> {
    if wanted.is_empty() || wanted.len() > MOST {
        return Err(Refused::field("grants", format!("name 1 to {MOST} roles")));
    }
    let mut rows = Vec::with_capacity(wanted.len());
    for new in wanted {
        let offer = grants::offer(scene, new)?;
        if scene.caller().is_some() {
            let offer = Offer { expires_at: earlier(offer.expires_at, token.expires_at), ..offer };
            scene.may_give(&offer)?;
            if !scene.is_caller(token.user_id) {
                scene.may_hold(token.user_id, &offer).map_err(|_| {
                    let (role, target) = (&new.role, &new.target);
                    Refused::NotAllowed(format!("the token's owner does not hold {role} on {target}"))
                })?;
            }
        }
        rows.push(new.row(Subject::Token(token.id), scene.now));
    }
    Ok(rows)
}

fn of_token<'a>(scene: &Scene<'a>, id: TokenId) -> impl Iterator<Item = &'a GrantRow> {
    scene.rows.grants.iter().filter(move |grant| grant.token_id == Some(id))
}

fn as_new(grant: &GrantRow) -> Option<NewGrant> {
    let (target, limits) = (grant.target.parse().ok()?, limits_of(grant).ok()?);
    Some(NewGrant { role: grant.role.clone(), target, expires_at: grant.expires_at, limits })
}

fn facts(owner: &str, token: &TokenRow, grants: &[GrantRow]) -> Value {
    let grants: Vec<_> = grants.iter().filter_map(as_new).map(|grant| offer_facts(&grant)).collect();
    json!({
        "id": token.id,
        "name": token.name,
        "user": owner,
        "expires_at": token.expires_at,
        "grants": grants,
    })
}
