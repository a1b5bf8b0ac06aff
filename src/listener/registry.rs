//! Every open connection of one listener: the cap, the counts and the reach of the reaper.

use super::{
    Connection, Drain, ListenerLimits,
    state::{CoarseClock, ConnState, Order},
};
use crate::net::{Lanes, Seat};
use metrics::{Counter, Gauge};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::runtime::Handle;

#[derive(Debug)]
pub struct Shared {
    pub limits: ListenerLimits,
    pub clock: Arc<CoarseClock>,
    pub drain: Drain,
    lanes: Lanes,
    open: Mutex<Open>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    connections: HashMap<u64, Arc<ConnState>>,
}

/// Handles are fetched once, so the metrics recorder must be installed before the listener serves.
struct Counts {
    open: Gauge,
    total: Counter,
}

impl std::fmt::Debug for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Counts")
    }
}

impl Shared {
    pub fn new(limits: ListenerLimits, drain: Drain, lanes: Lanes) -> Arc<Self> {
        Arc::new(Self {
            limits,
            clock: Arc::default(),
            drain,
            lanes,
            open: Mutex::default(),
            counts: Counts {
                open: metrics::gauge!("gateway_connections_open"),
                total: metrics::counter!("gateway_connections_total"),
            },
        })
    }

    /// None when the listener is full.
    pub fn admit(self: &Arc<Self>, connection: Connection) -> Option<ConnGuard> {
        let state = Arc::new(ConnState::new(connection, self.clock.clone()));
        let id = {
            let mut open = self.open();
            if open.connections.len() >= self.limits.max_connections {
                return None;
            }
            let id = open.next;
            open.next += 1;
            open.connections.insert(id, state.clone());
            id
        };
        self.drain.connection_opened();
        self.counts.open.increment(1);
        self.counts.total.increment(1);
        Some(ConnGuard { shared: self.clone(), state, id, seat: self.lanes.seat() })
    }

    pub fn each(&self, look: impl FnMut(&ConnState)) {
        self.open().connections.values().map(Arc::as_ref).for_each(look);
    }

    pub fn tell_all(&self, order: Order) {
        self.each(|state| state.tell(order));
    }

    pub fn is_empty(&self) -> bool {
        self.open().connections.is_empty()
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Travels with the socket, through an upgrade too: when it is dropped the connection is gone.
#[derive(Debug)]
pub struct ConnGuard {
    shared: Arc<Shared>,
    pub state: Arc<ConnState>,
    id: u64,
    seat: Seat,
}

impl ConnGuard {
    /// Where the connection is to be served.
    pub const fn runtime(&self) -> &Handle {
        self.seat.runtime()
    }
}

impl Drop for ConnGuard {
    fn drop(&mut self) {
        self.shared.open().connections.remove(&self.id);
        self.shared.counts.open.decrement(1);
        self.shared.drain.connection_closed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listener::drain;

    #[tokio::test]
    async fn the_cap_holds_and_frees() {
        let limits = ListenerLimits { max_connections: 2, ..Default::default() };
        let shared = Shared::new(limits, drain().1, Lanes::default());
        let connection = Connection { peer: "127.0.0.1:1".parse().unwrap(), tls: false };
        let first = shared.admit(connection).unwrap();
        let _second = shared.admit(connection).unwrap();
        assert!(shared.admit(connection).is_none());
        drop(first);
        assert!(shared.admit(connection).is_some());
        assert!(!shared.is_empty());
    }
}
