//! The one way to change what is registered: decided on the snapshot, written only if the database still has what was
//! decided on, seen by this replica before the answer.

use super::{
    AddressGuard, Directory, Instance, InstanceId, Keeper, Status,
    registration::{Actor, Plan, Reach, Refused, Registration, check_revision, plan},
};
use crate::{
    core::Timestamp,
    store::{EventKind, InstanceWrite, SlugRow, StoreError, Written},
};
use std::sync::Arc;
use tokio::sync::mpsc;

/// How often a decision is made again because somebody was quicker.
const TRIES: usize = 5;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Registrar {
    keeper: Keeper,
    guard: AddressGuard,
    /// Where it is told who should be looked at now.
    fresh: mpsc::UnboundedSender<InstanceId>,
}

/// What became of a registration.
#[derive(Debug)]
pub struct Registered {
    pub before: Option<Arc<Instance>>,
    pub instance: Arc<Instance>,
}

/// What became of a heartbeat.
#[derive(Debug)]
pub struct Beaten {
    pub before: Arc<Instance>,
    pub instance: Arc<Instance>,
    /// Until when the next must come; `None` without a lease.
    pub deadline: Option<Timestamp>,
}

impl Registrar {
    pub const fn new(keeper: Keeper, guard: AddressGuard, fresh: mpsc::UnboundedSender<InstanceId>) -> Self {
        Self { keeper, guard, fresh }
    }

    pub fn directory(&self) -> &Directory {
        self.keeper.directory()
    }

    pub const fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    /// What may be dialled; for those who call what is registered.
    pub const fn guard(&self) -> &AddressGuard {
        &self.guard
    }

    /// Adds an instance or changes one. `revision` is the one that it must have.
    pub async fn register(
        &self,
        actor: &Actor,
        wish: &Registration,
        revision: Option<u64>,
    ) -> Result<Registered, Refused> {
        if let Some(address) = &wish.address {
            self.guard
                .check_text(address)
                .map_err(|forbidden| Refused::field("url", forbidden.to_string()))?;
        }
        for _ in 0..TRIES {
            let now = self.keeper.clock().now();
            let plan = plan(&self.directory().snapshot(), actor, wish, revision, now)?;
            if let Some(registered) = self.carry_out(actor, &plan, now).await? {
                return Ok(registered);
            }
        }
        Err(overtaken())
    }

    /// `None` when somebody was quicker and it must be decided anew.
    async fn carry_out(
        &self,
        actor: &Actor,
        plan: &Plan,
        now: Timestamp,
    ) -> Result<Option<Registered>, Refused> {
        if plan.is_same()
            && let Some(before) = &plan.before
        {
            self.keeper.renew(before, now);
            return Ok(Some(Registered { before: plan.before.clone(), instance: before.clone() }));
        }
        let kind = if plan.before.is_some() { EventKind::Updated } else { EventKind::Registered };
        let write = write_of(&plan.after, kind, plan.before.as_deref(), now)?;
        let claim = SlugRow {
            slug: plan.after.slug.clone(),
            owner_id: actor.owner.user,
            owner_email: actor.owner.email.clone(),
            claimed_at: now,
        };
        let keeps_slug = plan.before.as_ref().is_some_and(|before| before.slug == plan.after.slug);
        let claims = (!keeps_slug).then_some(&claim);
        let mut written = self.keeper.db().write_instance(&write, claims).await?;
        if matches!(written, Written::Claimed(_)) && actor.reach == Reach::All {
            written = self.keeper.db().write_instance(&write, None).await?;
        }
        match written {
            Written::At(revision) => {
                let instance = self.seen(&plan.after.id, revision).await?;
                self.keeper.renew(&instance, now);
                // Nobody listens where nothing is checked.
                let _ = self.fresh.send(instance.id.clone());
                Ok(Some(Registered { before: plan.before.clone(), instance }))
            }
            Written::Overtaken => {
                self.keeper.catch_up().await?;
                Ok(None)
            }
            Written::Claimed(_) => Err(Refused::NotYours(format!(
                "the slug {} belongs to somebody else; choose another, or have an administrator register it",
                plan.after.slug
            ))),
        }
    }

    /// A heartbeat: the lease begins anew, and the instance may say how it is.
    pub async fn heartbeat(
        &self,
        actor: &Actor,
        id: &InstanceId,
        said: Option<Status>,
        details: Option<&str>,
    ) -> Result<Beaten, Refused> {
        for _ in 0..TRIES {
            let now = self.keeper.clock().now();
            let before = self.owned(actor, id).await?;
            self.keeper.renew(&before, now);
            let Some(after) = before.renewed(said, details, now) else {
                let deadline = before.lease_end();
                return Ok(Beaten { instance: before.clone(), before, deadline });
            };
            if let Some(instance) = self.replace(&before, &after, EventKind::Status, now).await? {
                let _ = self.fresh.send(id.clone());
                return Ok(Beaten { before, deadline: instance.lease_end(), instance });
            }
        }
        Err(overtaken())
    }

    /// Takes an instance out of service without removing it, for a reason; or puts it back with none.
    pub async fn drain(
        &self,
        actor: &Actor,
        id: &InstanceId,
        reason: Option<&str>,
        revision: Option<u64>,
    ) -> Result<Registered, Refused> {
        for _ in 0..TRIES {
            let now = self.keeper.clock().now();
            let before = self.owned(actor, id).await?;
            check_revision(Some(&before), revision)?;
            if before.draining.as_deref() == reason {
                return Ok(Registered { before: Some(before.clone()), instance: before });
            }
            let after = Instance { draining: reason.map(str::to_owned), ..Instance::clone(&before) };
            if let Some(instance) = self.replace(&before, &after, EventKind::Updated, now).await? {
                return Ok(Registered { before: Some(before), instance });
            }
        }
        Err(overtaken())
    }

    pub async fn remove(
        &self,
        actor: &Actor,
        id: &InstanceId,
        revision: Option<u64>,
    ) -> Result<Arc<Instance>, Refused> {
        for _ in 0..TRIES {
            let now = self.keeper.clock().now();
            let before = self.owned(actor, id).await?;
            check_revision(Some(&before), revision)?;
            let write = write_of(&before, EventKind::Removed, Some(&before), now)?;
            match self.keeper.db().write_instance(&write, None).await? {
                Written::At(index) => {
                    self.keeper.catch_up_to(index.unsigned_abs()).await?;
                    return Ok(before);
                }
                Written::Overtaken | Written::Claimed(_) => self.keeper.catch_up().await?,
            }
        }
        Err(overtaken())
    }

    /// The instance, if the actor may change it. One that is not known here may have come to another replica a moment
    /// ago.
    async fn owned(&self, actor: &Actor, id: &InstanceId) -> Result<Arc<Instance>, Refused> {
        let found = match self.directory().snapshot().instance(id).cloned() {
            Some(found) => found,
            None => {
                self.keeper.catch_up().await?;
                let snapshot = self.directory().snapshot();
                snapshot.instance(id).cloned().ok_or_else(|| Refused::Unknown(id.to_string()))?
            }
        };
        if actor.reaches(&found) {
            return Ok(found);
        }
        Err(Refused::NotYours(format!("the instance {id} belongs to somebody else")))
    }

    /// `None` when somebody was quicker.
    async fn replace(
        &self,
        before: &Instance,
        after: &Instance,
        kind: EventKind,
        now: Timestamp,
    ) -> Result<Option<Arc<Instance>>, Refused> {
        let write = write_of(after, kind, Some(before), now)?;
        match self.keeper.db().write_instance(&write, None).await? {
            Written::At(revision) => Ok(Some(self.seen(&after.id, revision).await?)),
            Written::Overtaken | Written::Claimed(_) => {
                self.keeper.catch_up().await?;
                Ok(None)
            }
        }
    }

    /// The instance as this replica sees it once the event has arrived.
    async fn seen(&self, id: &InstanceId, revision: i64) -> Result<Arc<Instance>, Refused> {
        self.keeper.catch_up_to(revision.unsigned_abs()).await?;
        let snapshot = self.directory().snapshot();
        // It may be gone again already.
        snapshot.instance(id).cloned().ok_or_else(|| Refused::Unknown(id.to_string()))
    }
}

fn overtaken() -> Refused {
    Refused::Conflict("the instance is changed by many at once; try again".to_owned())
}

/// What goes into the database when `after` takes the place of `before`.
pub(super) fn write_of(
    after: &Instance,
    kind: EventKind,
    before: Option<&Instance>,
    at: Timestamp,
) -> Result<InstanceWrite, StoreError> {
    let record = serde_json::to_string(after).map_err(|error| StoreError::Unreadable {
        what: format!("the instance {}", after.id),
        why: error.to_string(),
    })?;
    Ok(InstanceWrite {
        kind,
        id: after.id.to_string(),
        slug: after.slug.clone(),
        url: after.address.to_string(),
        record,
        known: before.map(|before| before.revision.cast_signed()),
        at,
    })
}
