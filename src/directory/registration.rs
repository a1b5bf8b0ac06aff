//! What somebody wants to have registered, and what follows from it. Nothing is written here.

use super::{Address, CheckKind, Instance, InstanceId, Owner, Snapshot, Status, slug};
use crate::core::Timestamp;
use std::{sync::Arc, time::Duration};

/// What is given overwrites, what is not given stays.
#[derive(Clone, Debug, Default)]
pub struct Registration {
    pub id: Option<InstanceId>,
    pub slug: Option<String>,
    pub address: Option<Address>,
    pub weight: Option<u16>,
    pub tags: Option<Vec<String>>,
    pub status: Option<Status>,
    pub details: Option<String>,
    pub node_url: Option<String>,
    pub deployment_id: Option<String>,
    /// The inner `None` is "no lease".
    pub ttl: Option<Option<Duration>>,
    /// The inner `None` is "never".
    pub deregister_after: Option<Option<Duration>>,
    pub check: CheckWish,
}

#[derive(Clone, Debug, Default)]
pub struct CheckWish {
    pub kind: Option<CheckKind>,
    pub path: Option<String>,
    pub interval: Option<Duration>,
    pub timeout: Option<Duration>,
    /// The inner `None` is "anything from 200 to 299".
    pub expect: Option<Option<u16>>,
    pub failures_before_critical: Option<u16>,
    pub successes_before_passing: Option<u16>,
}

/// How far somebody's rights reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// What they registered themselves.
    Own,
    /// That of others too.
    All,
}

/// Who wants something.
#[derive(Clone, Debug)]
pub struct Actor {
    pub owner: Owner,
    pub reach: Reach,
}

impl Actor {
    pub fn reaches(&self, instance: &Instance) -> bool {
        self.reach == Reach::All || instance.owner.user == self.owner.user
    }
}

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("{field}: {problem}")]
    Field { field: &'static str, problem: String },
    #[error("{0}")]
    NotYours(String),
    #[error("{0}")]
    Conflict(String),
    #[error("there is no instance {0}; register it again")]
    Unknown(String),
    #[error("the instance is at revision {0}, not at the one that was named")]
    Precondition(u64),
    #[error("the database does not answer; try again shortly")]
    Store(#[from] crate::store::StoreError),
}

impl Refused {
    pub(super) fn field(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Field { field, problem: problem.into() }
    }
}

/// What is to be written.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub before: Option<Arc<Instance>>,
    pub after: Instance,
}

impl Plan {
    /// Whether the record stays as it is, so that the registration is a heartbeat and no more.
    pub fn is_same(&self) -> bool {
        let Some(before) = &self.before else { return false };
        let mut after = self.after.clone();
        after.updated_at = before.updated_at;
        serde_json::to_value(&after).ok() == serde_json::to_value(&**before).ok()
    }
}

/// Most instances that are kept, so that nobody fills the memory of all replicas.
const MOST: usize = 50_000;

pub(super) fn plan(
    snapshot: &Snapshot,
    actor: &Actor,
    wish: &Registration,
    revision: Option<u64>,
    now: Timestamp,
) -> Result<Plan, Refused> {
    if let Some(slug) = &wish.slug {
        slug::check(slug).map_err(|problem| Refused::field("slug", problem))?;
    }
    let before = known(snapshot, wish);
    if let Some(before) = &before
        && !actor.reaches(before)
    {
        let message = format!("the instance {} belongs to somebody else", before.id);
        return Err(Refused::NotYours(message));
    }
    check_revision(before.as_deref(), revision)?;
    let base = match &before {
        Some(before) => Instance::clone(before),
        None => fresh(snapshot, actor, wish, now)?,
    };
    let after = applied(base, wish, before.is_none(), now);
    if let Some(other) = namesake(snapshot, &after) {
        return Err(Refused::Conflict(format!(
            "the address is registered for {} already, as {}; update that instance or remove it",
            after.slug, other.id
        )));
    }
    check_timing(&after)?;
    Ok(Plan { before, after })
}

pub(super) fn check_revision(before: Option<&Instance>, wanted: Option<u64>) -> Result<(), Refused> {
    let is = before.map_or(0, |before| before.revision);
    match wanted {
        Some(wanted) if wanted != is => Err(Refused::Precondition(is)),
        _ => Ok(()),
    }
}

/// The instance that is meant: by its id, or else by slug and address.
fn known(snapshot: &Snapshot, wish: &Registration) -> Option<Arc<Instance>> {
    if let Some(id) = &wish.id {
        return snapshot.instance(id).cloned();
    }
    let (slug, address) = (wish.slug.as_deref()?, wish.address.as_ref()?);
    snapshot.service(slug)?.instances.iter().find(|one| one.address == *address).cloned()
}

/// Another instance of the same service at the same address.
fn namesake<'a>(snapshot: &'a Snapshot, after: &Instance) -> Option<&'a Arc<Instance>> {
    let others = &snapshot.service(&after.slug)?.instances;
    others.iter().find(|one| one.address == after.address && one.id != after.id)
}

fn fresh(
    snapshot: &Snapshot,
    actor: &Actor,
    wish: &Registration,
    now: Timestamp,
) -> Result<Instance, Refused> {
    let slug = wish.slug.as_deref().ok_or_else(|| Refused::field("slug", "is missing"))?;
    let address = wish
        .address
        .clone()
        .ok_or_else(|| Refused::field("url", "is missing; give url, or scheme, host or ip, port and path"))?;
    if snapshot.instances().len() >= MOST {
        return Err(Refused::Conflict(format!("{MOST} instances are registered, which is the most")));
    }
    let id = wish.id.clone().unwrap_or_else(|| InstanceId::new(now));
    Ok(Instance::new(id, slug, address, actor.owner.clone(), now))
}

fn applied(mut one: Instance, wish: &Registration, is_new: bool, now: Timestamp) -> Instance {
    let moved = wish.address.as_ref().is_some_and(|address| *address != one.address);
    set(&mut one.slug, wish.slug.as_ref());
    set(&mut one.address, wish.address.as_ref());
    set(&mut one.weight, wish.weight.as_ref());
    set(&mut one.tags, wish.tags.as_ref());
    set(&mut one.ttl, wish.ttl.as_ref());
    set(&mut one.deregister_after, wish.deregister_after.as_ref());
    set(&mut one.check.kind, wish.check.kind.as_ref());
    set(&mut one.check.path, wish.check.path.as_ref());
    set(&mut one.check.interval, wish.check.interval.as_ref());
    set(&mut one.check.timeout, wish.check.timeout.as_ref());
    set(&mut one.check.expect, wish.check.expect.as_ref());
    set(&mut one.check.failures_before_critical, wish.check.failures_before_critical.as_ref());
    set(&mut one.check.successes_before_passing, wish.check.successes_before_passing.as_ref());
    one.node_url = wish.node_url.clone().or(one.node_url);
    one.deployment_id = wish.deployment_id.clone().or(one.deployment_id);
    one.updated_at = now;
    // Who registers lives: what was found out before does not count any more.
    if is_new || moved || !one.status.takes_calls() {
        one.checked = None;
        one.details.clear();
    }
    one.lease_missed = false;
    set(&mut one.details, wish.details.as_ref());
    if let Some(status) = wish.status {
        one.reported = Some(status).filter(|status| *status != Status::Unknown);
    } else if one.reported.is_none_or(|status| !status.takes_calls()) {
        one.reported = (!one.check.kind.is_active()).then_some(Status::Healthy);
    }
    one.revised(now, |_| {}).unwrap_or(one)
}

fn set<T: Clone>(field: &mut T, wish: Option<&T>) {
    if let Some(wish) = wish {
        field.clone_from(wish);
    }
}

/// What makes sense only together.
fn check_timing(one: &Instance) -> Result<(), Refused> {
    if one.check.kind == CheckKind::Ttl && one.ttl.is_none() {
        return Err(Refused::field("ttl", "is missing; a check of type ttl lives on heartbeats"));
    }
    if one.check.timeout > one.check.interval {
        return Err(Refused::field("check.timeout", "is longer than check.interval"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
