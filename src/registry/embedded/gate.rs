//! The gate between pushes and the collector: pushes pass it together, between their look at something and its use;
//! who deletes is alone.
//!
//! Within a process it is a lock. Among processes that share a storage, each holds a lease in the database while it
//! lets pushes pass, good for a few seconds; the collector closes the gate there, and waits until nobody else's lease
//! is good any more. So a push of another replica costs the database nothing but a renewal now and then.

use crate::{
    core::Timestamp,
    registry::{
        error::{ErrorCode, Problem, Result},
        leases::Leases,
    },
};
use http::header;
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Mutex as AsyncMutex, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::{Instant, sleep, timeout},
};

/// How long a process lets pushes pass before it asks again.
const HOLD: Duration = Duration::from_secs(10);
/// How long one push may be between its look and its use.
const PASSAGE: Duration = Duration::from_secs(5);
/// By how much the clocks of replicas may differ.
const SKEW: Duration = Duration::from_secs(2);
/// How long the gate stays closed at a time, and then at least open.
const BATCH: Duration = Duration::from_secs(5);
/// When the gate opens by itself, should the collector have died.
const CLOSED: Duration = Duration::from_secs(60);
/// How long a push waits for it.
const PATIENCE: Duration = Duration::from_secs(45);
const BREATH: Duration = Duration::from_millis(50);

#[derive(Debug, Default)]
pub(super) struct Gate {
    here: RwLock<()>,
    among: Option<Among>,
}

/// What all processes on the storage agree on.
#[derive(Debug)]
struct Among {
    leases: Leases,
    /// Until when pushes of this process may pass.
    open: Mutex<Option<Timestamp>>,
    renewing: AsyncMutex<()>,
    /// Since when this process keeps the gate closed.
    closed: AsyncMutex<Option<Instant>>,
}

impl Gate {
    /// `leases` when other processes may use the storage.
    pub fn new(leases: Option<Leases>) -> Self {
        let among = leases.map(|leases| Among {
            leases,
            open: Mutex::default(),
            renewing: AsyncMutex::default(),
            closed: AsyncMutex::default(),
        });
        Self { here: RwLock::default(), among }
    }

    pub const fn is_shared(&self) -> bool {
        self.among.is_some()
    }

    /// Does `work` while nothing is deleted. Among several processes it must not take long.
    pub async fn pass<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let _here = self.enter().await?;
        if self.among.is_none() {
            return work.await;
        }
        timeout(PASSAGE, work).await.unwrap_or_else(|_| {
            Err(Problem::new(
                ErrorCode::Unavailable,
                "the storage of the registry is too slow now; try again",
            ))
        })
    }

    async fn enter(&self) -> Result<RwLockReadGuard<'_, ()>> {
        loop {
            let here = self.here.read().await;
            match &self.among {
                Some(among) if !among.is_open() => {
                    drop(here);
                    among.renew().await?;
                }
                _ => return Ok(here),
            }
        }
    }

    /// Alone in this process: enough for what others may see a moment later.
    pub async fn alone_here(&self) -> RwLockWriteGuard<'_, ()> {
        self.here.write().await
    }

    /// Alone among all processes.
    pub async fn alone(&self) -> Result<RwLockWriteGuard<'_, ()>> {
        if let Some(among) = &self.among {
            among.close().await?;
        }
        Ok(self.here.write().await)
    }

    /// To be called when deleting is over.
    pub async fn reopen(&self) -> Result<()> {
        match &self.among {
            Some(among) => among.reopen(&mut *among.closed.lock().await).await,
            None => Ok(()),
        }
    }
}

impl Among {
    /// For as long as a passage may take.
    fn is_open(&self) -> bool {
        let open = *self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.is_some_and(|until| self.leases.clock.now().saturating_add(PASSAGE) < until)
    }

    async fn renew(&self) -> Result<()> {
        let _renewing = self.renewing.lock().await;
        let begun = Instant::now();
        while !self.is_open() {
            let now = self.leases.clock.now();
            let until = now.saturating_add(HOLD);
            if self.leases.db.open_registry_gate(&self.leases.process, until, now).await? {
                *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
            } else if begun.elapsed() > PATIENCE {
                let message = "the registry is deleting garbage; try again shortly";
                return Err(Problem::new(ErrorCode::Unavailable, message).header(header::RETRY_AFTER, "5"));
            } else {
                sleep(BREATH).await;
            }
        }
        Ok(())
    }

    /// Keeps it closed for a while, then lets the others pass before it closes it again.
    async fn close(&self) -> Result<()> {
        let mut closed = self.closed.lock().await;
        match *closed {
            Some(since) if since.elapsed() < BATCH => return Ok(()),
            Some(_) => {
                self.reopen(&mut closed).await?;
                sleep(BATCH).await;
            }
            None => {}
        }
        let Leases { db, clock, process } = &self.leases;
        let now = clock.now();
        if !db.close_registry_gate(process, now.saturating_add(CLOSED), now).await? {
            return Err(Problem::new(ErrorCode::Unavailable, "another process is deleting garbage"));
        }
        let begun = Instant::now();
        while db.open_registry_gates(process, clock.now().saturating_sub(SKEW)).await? > 0 {
            if begun.elapsed() > PATIENCE {
                self.reopen(&mut closed).await?;
                return Err(Problem::new(
                    ErrorCode::Unavailable,
                    "other processes do not let the gate be closed",
                ));
            }
            sleep(BREATH).await;
        }
        *closed = Some(Instant::now());
        Ok(())
    }

    async fn reopen(&self, closed: &mut Option<Instant>) -> Result<()> {
        *closed = None;
        Ok(self.leases.db.drop_registry_lease("closed", &self.leases.process).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::{SharedClock, clock::FixedClock},
        store::{Db, Options, Place},
    };
    use std::sync::Arc;
    use tempfile::TempDir;

    struct Two {
        clock: Arc<FixedClock>,
        pusher: Arc<Gate>,
        collector: Arc<Gate>,
        _directory: TempDir,
    }

    /// The gates of two processes.
    async fn two() -> Two {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::Sqlite(directory.path().join("gateway.db"));
        let db = Db::open(&Options::new(place)).await.unwrap();
        db.migrate().await.unwrap();
        let clock = FixedClock::at(Timestamp::from_micros(1_700_000_000_000_000));
        let gate = || Arc::new(Gate::new(Some(Leases::new(db.clone(), clock.clone() as SharedClock))));
        Two { clock: clock.clone(), pusher: gate(), collector: gate(), _directory: directory }
    }

    /// Somebody who has not come through after this long waits.
    const SHORT: Duration = Duration::from_secs(2);
    /// For what must happen, on a machine that has much else to do.
    const LONG: Duration = Duration::from_secs(30);

    async fn passes(gate: &Gate) -> bool {
        timeout(LONG, gate.pass(async { Ok(()) })).await.is_ok_and(|passed| passed.is_ok())
    }

    async fn waits(gate: &Gate) -> bool {
        timeout(SHORT, gate.pass(async { Ok(()) })).await.is_err()
    }

    #[tokio::test]
    async fn who_deletes_waits_for_pushes_of_others_and_they_wait_for_it() {
        let Two { clock, pusher, collector, _directory } = two().await;
        assert!(passes(&pusher).await);
        let closing = tokio::spawn({
            let collector = collector.clone();
            async move { collector.alone().await.map(drop) }
        });
        sleep(SHORT / 4).await;
        assert!(!closing.is_finished(), "the pusher may still be between its look and its use");
        assert!(passes(&pusher).await, "it has the word of the database for a while");
        clock.advance(HOLD - PASSAGE);
        assert!(waits(&pusher).await, "too late to begin");
        assert!(!closing.is_finished(), "what began before may still go on");
        clock.advance(PASSAGE + SKEW + Duration::from_millis(1));
        timeout(LONG, closing).await.unwrap().unwrap().unwrap();
        assert!(waits(&pusher).await, "closed");
        collector.reopen().await.unwrap();
        assert!(passes(&pusher).await);
        assert!(passes(&collector).await);
    }

    #[tokio::test]
    async fn a_collector_that_died_does_not_keep_it_closed() {
        let Two { clock, pusher, collector, _directory } = two().await;
        drop(collector.alone().await.unwrap());
        assert!(waits(&pusher).await);
        assert!(passes(&collector).await, "its own pushes are kept away by the lock");
        drop(collector);
        clock.advance(CLOSED);
        assert!(passes(&pusher).await);
    }

    #[tokio::test]
    async fn alone_in_one_process_nothing_is_asked_of_a_database() {
        let gate = Gate::default();
        let held = gate.alone().await.unwrap();
        assert!(waits(&gate).await);
        drop(held);
        assert!(passes(&gate).await);
        gate.reopen().await.unwrap();
    }
}
