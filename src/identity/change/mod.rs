//! Changes of who may do what: the API, the command line and the start of the process all come through here.
//!
//! Each function looks at the rows inside the transaction that writes (`Db::decide`), so that what it checked still
//! holds when it is written, whatever other replicas do. Three rules hold for every change: the actor may do it now,
//! somebody who may administer everything remains, and who gains or loses a role has to prove themselves anew.

mod admins;
pub mod grants;
pub mod groups;
pub mod invitations;
pub mod names;
mod refused;
pub mod roles;
mod scene;
pub mod settings;
#[cfg(test)]
pub mod testing;
pub mod tokens;
pub mod users;

pub use admins::administrators;
pub use refused::Refused;
pub use scene::{Actor, Scene};
pub(super) use scene::{rights_of, token_rights};

use crate::{
    core::{Timestamp, id::UserId},
    store::{AccessRows, AccessWrite, Db},
};
use serde_json::{Value, json};

/// What came of a change, and what the audit record says of it.
#[derive(Clone, Debug)]
pub struct Done<T> {
    pub value: T,
    pub changes: Changes,
}

/// What was there before and what is there after; no secret is in either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    pub before: Value,
    pub after: Value,
}

impl Changes {
    pub fn new(before: Value, after: Value) -> Self {
        Self { before, after }
    }

    pub fn added(after: Value) -> Self {
        Self::new(Value::Null, after)
    }

    pub fn removed(before: Value) -> Self {
        Self::new(before, Value::Null)
    }

    /// For the audit record.
    pub fn record(&self) -> String {
        json!({ "before": self.before, "after": self.after }).to_string()
    }
}

type Decision<T> = Result<(Vec<AccessWrite>, Done<T>), Refused>;

async fn carry_out<T>(
    db: &Db,
    actor: &Actor<'_>,
    now: Timestamp,
    decide: impl FnOnce(&Scene<'_>) -> Decision<T>,
) -> Result<Done<T>, Refused> {
    let decided = db.decide(actor.session(), |rows| {
        let scene = Scene::of(rows, actor, now)?;
        let (mut writes, done) = decide(&scene)?;
        admins::must_remain(rows, &writes)?;
        let touched = whose_roles_change(rows, &writes);
        writes.extend(touched.into_iter().map(AccessWrite::ForgetStepUp));
        Ok((writes, done))
    });
    // It has a body for each engine and each kind of write.
    Box::pin(decided).await?
}

/// Their sessions go on, but a proof of before the change does not count after it; and the next proof gives the
/// session a new secret.
fn whose_roles_change(rows: &AccessRows, writes: &[AccessWrite]) -> Vec<UserId> {
    let mut touched = Vec::new();
    for write in writes {
        match write {
            AccessWrite::AddGrant(grant) => touched.extend(grant.user_id),
            AccessWrite::RemoveGrant(id) => {
                let grant = rows.grants.iter().find(|grant| grant.id == *id);
                touched.extend(grant.and_then(|grant| grant.user_id));
            }
            AccessWrite::SetRole { name, .. } | AccessWrite::RemoveRole(name) => {
                touched.extend(holders_of(rows, name));
            }
            AccessWrite::AddRole(role) => touched.extend(holders_of(rows, &role.name)),
            _ => {}
        }
    }
    touched.sort();
    touched.dedup();
    touched
}

fn holders_of<'a>(rows: &'a AccessRows, role: &'a str) -> impl Iterator<Item = UserId> + 'a {
    rows.grants.iter().filter(move |grant| grant.role == role).filter_map(|grant| grant.user_id)
}
