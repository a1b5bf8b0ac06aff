//! What only one may do at a time, among all processes that share a database.

use super::error::{ErrorCode, Problem, Result};
use crate::{
    core::SharedClock,
    store::{Db, StoreError},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How often a lease is asked for that somebody else has.
const BREATH: Duration = Duration::from_millis(40);

/// Clones are the same process.
#[derive(Clone, Debug)]
pub struct Leases {
    pub(super) db: Db,
    pub(super) clock: SharedClock,
    /// The name of this process among those that hold leases.
    pub(super) process: Arc<str>,
}

/// Something that nobody else has until this is let go, or its time is over.
#[derive(Debug)]
#[must_use]
pub struct Lease {
    leases: Leases,
    name: String,
    holder: String,
}

/// A lease that is renewed until this is dropped or it is lost, and then given back.
#[derive(Debug)]
#[must_use]
pub struct Kept {
    lost: CancellationToken,
    stop: DropGuard,
    keeping: JoinHandle<()>,
}

impl Leases {
    pub fn new(db: Db, clock: SharedClock) -> Self {
        let process = format!("{:032x}", rand::random::<u128>()).into();
        Self { db, clock, process }
    }

    /// Whether other processes may use the same database.
    pub const fn are_shared(&self) -> bool {
        matches!(self.db, Db::Postgres(_))
    }

    /// Takes it for at most `length`, and waits for it for at most `patience`. `None` when somebody else keeps it.
    pub async fn take(&self, name: &str, length: Duration, patience: Duration) -> Result<Option<Lease>> {
        let holder = format!("{}/{:016x}", self.process, rand::random::<u64>());
        let begun = Instant::now();
        loop {
            let now = self.clock.now();
            if self.db.take_registry_lease(name, &holder, now.saturating_add(length), now).await? {
                return Ok(Some(Lease { leases: self.clone(), name: name.to_owned(), holder }));
            }
            if begun.elapsed() >= patience {
                return Ok(None);
            }
            sleep(BREATH).await;
        }
    }
}

impl Lease {
    /// Has it for `length` from now; false when it was lost.
    pub async fn renew(&self, length: Duration) -> Result<bool> {
        let now = self.leases.clock.now();
        let until = now.saturating_add(length);
        Ok(self.leases.db.take_registry_lease(&self.name, &self.holder, until, now).await?)
    }

    /// Renews it from time to time, for `length` each.
    pub fn keep(self, length: Duration) -> Kept {
        let (stop, lost) = (CancellationToken::new(), CancellationToken::new());
        let keeping = tokio::spawn(self.keep_until(stop.clone(), lost.clone(), length));
        Kept { lost, stop: stop.drop_guard(), keeping }
    }

    async fn keep_until(self, stop: CancellationToken, lost: CancellationToken, length: Duration) {
        // It counts as lost some time before anybody else may have it.
        let safe = length * 3 / 4;
        let mut until = Instant::now() + safe;
        while stop.run_until_cancelled(sleep(length / 4)).await.is_some() {
            let asked = Instant::now();
            match timeout_at(until, self.renew(length)).await {
                Ok(Ok(true)) => until = asked + safe,
                Ok(Err(_)) if Instant::now() < until => (),
                _ => {
                    lost.cancel();
                    break;
                }
            }
        }
        self.let_go().await;
    }

    /// One that cannot be given back runs out.
    pub async fn let_go(self) {
        if let Err(error) = self.leases.db.drop_registry_lease(&self.name, &self.holder).await {
            tracing::warn!(%error, lease = self.name, "a lease was not given back and will run out");
        }
    }
}

impl Kept {
    pub fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }

    /// Resolves when it is lost.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Returns when somebody else may have it.
    pub async fn let_go(self) {
        drop(self.stop);
        // It ends with an error when it panicked, which was reported where it happened.
        let _ = self.keeping.await;
    }
}

/// The client learns that it is not its fault; the log learns why.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the registry cannot use the database");
        Self::new(ErrorCode::Unavailable, "the registry cannot note what it does now; try again shortly")
    }
}
