//! Stopping: accept no more, let what runs finish, and after a deadline cut what is left.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

/// How long connections get to leave after they were cut.
const LEAVING: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Serving,
    /// Everything is served as before, but new work should go elsewhere.
    Leaving,
    /// Listeners close their sockets. Streams hear of the end only when none is left: who then connects again must not
    /// come back here.
    Closing,
    Stopping,
    Cutting,
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    Finished,
    /// The deadline passed with this many client connections still open, tunnels included.
    Cut {
        connections: usize,
    },
}

/// Makes the two ends: one to stop with, one for the listeners and relays that are to be stopped.
pub fn drain() -> (DrainHandle, Drain) {
    let drain = Drain(Arc::new(Inner {
        stage: watch::Sender::new(Stage::Serving),
        listeners: AtomicUsize::new(0),
        connections: AtomicUsize::new(0),
        tunnels: AtomicUsize::new(0),
        left: Notify::new(),
    }));
    (DrainHandle(drain.clone()), drain)
}

#[derive(Debug)]
pub struct DrainHandle(Drain);

impl DrainHandle {
    /// Says that this replica is going: it is unready, and answers tell clients to open another connection next time.
    /// Nothing is refused yet.
    pub fn leave(&self) {
        self.0.raise(Stage::Leaving);
    }

    /// Listeners stop accepting, idle connections close, busy ones answer with `Connection: close`, tunnels hear of
    /// it through [`TunnelGuard::stopping`]. Returns at once; calling it twice does no harm.
    pub fn start(&self) {
        self.0.raise(Stage::Closing);
        self.0.stop_when_closed();
    }

    /// Starts the drain if need be and waits until no listener takes anything in and every connection and tunnel is
    /// gone; cuts them at the deadline.
    pub async fn wait(&self, deadline: Duration) -> Drained {
        self.start();
        let drain = &self.0;
        if timeout(deadline, drain.until(|| drain.is_empty())).await.is_ok() {
            return Drained::Finished;
        }
        let connections = drain.0.connections.load(SeqCst);
        drain.raise(Stage::Cutting);
        let _ = timeout(LEAVING, drain.until(|| drain.is_empty())).await;
        Drained::Cut { connections }
    }
}

#[derive(Debug, Clone)]
pub struct Drain(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    stage: watch::Sender<Stage>,
    listeners: AtomicUsize,
    connections: AtomicUsize,
    tunnels: AtomicUsize,
    left: Notify,
}

impl Drain {
    /// True as soon as new work should go elsewhere, and ever after.
    pub fn is_leaving(&self) -> bool {
        *self.0.stage.borrow() >= Stage::Leaving
    }

    /// True from the start of the drain on: no new connection should be accepted.
    pub(crate) fn is_closing(&self) -> bool {
        *self.0.stage.borrow() >= Stage::Closing
    }

    /// True when nothing is accepted any more: no new tunnel should be opened.
    pub fn is_stopping(&self) -> bool {
        *self.0.stage.borrow() >= Stage::Stopping
    }

    /// Resolves when the last listener has closed.
    pub async fn stopping(&self) {
        self.reached(Stage::Stopping).await;
    }

    /// Registers a listener. The drain goes on when its guard is dropped, which should be when its socket is closed.
    pub(crate) fn listener(&self) -> ListenerGuard {
        self.0.listeners.fetch_add(1, SeqCst);
        ListenerGuard(self.clone())
    }

    fn stop_when_closed(&self) {
        let is_closing = *self.0.stage.borrow() == Stage::Closing;
        if is_closing && self.0.listeners.load(SeqCst) == 0 {
            self.raise(Stage::Stopping);
        }
    }

    /// Registers a relay that outlives its HTTP exchange. The drain waits until the guard is dropped.
    pub fn tunnel(&self) -> TunnelGuard {
        self.0.tunnels.fetch_add(1, SeqCst);
        TunnelGuard(self.clone())
    }

    pub(crate) async fn reached(&self, stage: Stage) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.0.stage.subscribe().wait_for(|now| *now >= stage).await;
    }

    pub(crate) fn connection_opened(&self) {
        self.0.connections.fetch_add(1, SeqCst);
    }

    pub(crate) fn connection_closed(&self) {
        self.0.connections.fetch_sub(1, SeqCst);
        self.0.left.notify_waiters();
    }

    fn raise(&self, stage: Stage) {
        self.0.stage.send_if_modified(|now| {
            let raised = *now < stage;
            *now = (*now).max(stage);
            raised
        });
    }

    fn is_empty(&self) -> bool {
        let Inner { listeners, connections, tunnels, .. } = &*self.0;
        [listeners, connections, tunnels].into_iter().all(|count| count.load(SeqCst) == 0)
    }

    /// Asks again each time a listener, a connection or a tunnel has left.
    pub(crate) async fn until(&self, condition: impl Fn() -> bool) {
        loop {
            let mut left = pin!(self.0.left.notified());
            left.as_mut().enable();
            if condition() {
                return;
            }
            left.await;
        }
    }
}

/// Held by a listener for as long as it accepts connections.
#[derive(Debug)]
pub(crate) struct ListenerGuard(Drain);

impl Drop for ListenerGuard {
    fn drop(&mut self) {
        self.0.0.listeners.fetch_sub(1, SeqCst);
        self.0.stop_when_closed();
        self.0.0.left.notify_waiters();
    }
}

/// Held by a relay for as long as it runs.
#[derive(Debug)]
pub struct TunnelGuard(Drain);

impl TunnelGuard {
    /// Resolves when the last listener has closed: time to end politely. A relay that does not is cut at the deadline,
    /// where its client socket begins to fail.
    pub async fn stopping(&self) {
        self.0.stopping().await;
    }
}

impl Drop for TunnelGuard {
    fn drop(&mut self) {
        self.0.0.tunnels.fetch_sub(1, SeqCst);
        self.0.0.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_to_wait_for() {
        let (handle, drain) = drain();
        assert!(!drain.is_stopping());
        assert_eq!(handle.wait(Duration::from_secs(5)).await, Drained::Finished);
        assert!(drain.is_stopping());
    }

    #[tokio::test]
    async fn leaving_comes_before_stopping_and_is_not_taken_back() {
        let (handle, drain) = drain();
        assert!(!drain.is_leaving());
        handle.leave();
        assert!(drain.is_leaving() && !drain.is_stopping());
        let early = timeout(Duration::from_millis(20), drain.stopping()).await;
        assert!(early.is_err(), "nothing is stopped yet");
        handle.start();
        handle.leave();
        assert!(drain.is_leaving() && drain.is_stopping());
    }

    #[tokio::test]
    async fn streams_hear_of_it_when_no_listener_accepts_any_more() {
        let (handle, drain) = drain();
        let (one, other) = (drain.listener(), drain.listener());
        handle.start();
        drain.reached(Stage::Closing).await;
        drop(one);
        assert!(!drain.is_stopping(), "one still accepts");
        drop(other);
        assert!(drain.is_stopping());
        drain.stopping().await;
    }

    #[tokio::test]
    async fn waits_for_a_polite_tunnel() {
        let (handle, drain) = drain();
        let guard = drain.tunnel();
        let relay = tokio::spawn(async move { guard.stopping().await });
        assert_eq!(handle.wait(Duration::from_secs(5)).await, Drained::Finished);
        relay.await.unwrap();
    }

    #[tokio::test]
    async fn counts_what_the_deadline_left() {
        let (handle, drain) = drain();
        drain.connection_opened();
        let cut = tokio::spawn(async move {
            drain.reached(Stage::Cutting).await;
            drain.connection_closed();
        });
        assert_eq!(handle.wait(Duration::from_millis(20)).await, Drained::Cut { connections: 1 });
        cut.await.unwrap();
    }
}
