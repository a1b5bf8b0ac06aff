//! What all connections of one rack share.

use super::{DemoRackOptions, blob::Shelf, seed, seen::Seen, world::World};
use crate::core::{Secret, SharedClock, Timestamp};
use std::{
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub struct Shared {
    pub password: Secret,
    pub clock: SharedClock,
    pub step: Duration,
    pub linger: Duration,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
    pub seen: Seen,
    pub shelf: Shelf,
    pub sockets: Gauge,
    /// Tells those who follow a build that some build changed.
    pub build_changes: watch::Sender<()>,
    world: Mutex<World>,
}

impl Shared {
    pub fn new(options: DemoRackOptions) -> Self {
        let world = seed::world(options.clock.now());
        Self {
            password: options.password,
            clock: options.clock,
            step: options.step,
            linger: options.linger,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            seen: Seen::default(),
            shelf: Shelf::default(),
            sockets: Gauge::default(),
            build_changes: watch::Sender::new(()),
            world: Mutex::new(world),
        }
    }

    /// The state. The guard is not `Send`, so the compiler refuses to hold it across an `await`.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn build_changed(&self) {
        self.build_changes.send_replace(());
    }

    /// Runs `work` beside the request that asked for it, until it is done or the rack stops.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(stop.run_until_cancelled_owned(work));
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("step", &self.step).finish_non_exhaustive()
    }
}

/// Counts things that are alive: each holds a [`Held`].
#[derive(Debug, Default, Clone)]
pub struct Gauge(Arc<AtomicUsize>);

#[derive(Debug)]
pub struct Held(Arc<AtomicUsize>);

impl Gauge {
    pub fn hold(&self) -> Held {
        self.0.fetch_add(1, Ordering::SeqCst);
        Held(self.0.clone())
    }

    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
