//! The last events, for those who watch. Bounded: who was away for longer starts anew from a list.

use super::Instance;
use crate::{core::Timestamp, store::EventKind};
use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError, RwLock},
};

/// What happened to one instance.
#[derive(Clone, Debug)]
pub struct Event {
    pub index: u64,
    pub kind: EventKind,
    pub at: Timestamp,
    /// As it was afterwards; as it was last, when it is gone.
    pub instance: Arc<Instance>,
}

/// Events were asked for that are no longer kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("events up to {forgotten} are no longer kept; list the instances and watch from there")]
pub struct Compacted {
    pub forgotten: u64,
}

/// How many are kept in memory.
pub(super) const KEPT: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct History(RwLock<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The last event that is not kept any more.
    forgotten: u64,
    events: VecDeque<Arc<Event>>,
}

impl History {
    /// Begins anew after `forgotten`.
    pub fn begin(&self, forgotten: u64) {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *inner = Inner { forgotten, events: VecDeque::new() };
    }

    pub fn push(&self, events: impl IntoIterator<Item = Arc<Event>>) {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            inner.events.push_back(event);
            if inner.events.len() > KEPT
                && let Some(oldest) = inner.events.pop_front()
            {
                inner.forgotten = oldest.index;
            }
        }
    }

    /// At most `limit` events after `index`, in order.
    pub fn after(&self, index: u64, limit: usize) -> Result<Vec<Arc<Event>>, Compacted> {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if index < inner.forgotten {
            return Err(Compacted { forgotten: inner.forgotten });
        }
        let start = inner.events.partition_point(|event| event.index <= index);
        Ok(inner.events.iter().skip(start).take(limit).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::id::UserId,
        directory::{Address, InstanceId, Owner},
    };

    fn event(index: u64) -> Arc<Event> {
        let at = Timestamp::from_micros(1_000_000);
        let owner = Owner { user: UserId::new(at), email: "ada@example.com".to_owned() };
        let address = Address::from_url("http://web:8080").unwrap();
        let instance = Arc::new(Instance::new(InstanceId::new(at), "web", address, owner, at));
        Arc::new(Event { index, kind: EventKind::Registered, at, instance })
    }

    fn indexes(history: &History, after: u64, limit: usize) -> Result<Vec<u64>, u64> {
        let found = history.after(after, limit).map_err(|compacted| compacted.forgotten)?;
        Ok(found.iter().map(|event| event.index).collect())
    }

    #[test]
    fn one_goes_on_where_one_stopped() {
        let history = History::default();
        history.begin(10);
        history.push([11, 13, 14].map(event));
        assert_eq!(indexes(&history, 9, 9), Err(10), "they may have been events that nobody here saw");
        assert_eq!(indexes(&history, 10, 9), Ok(vec![11, 13, 14]));
        assert_eq!(indexes(&history, 12, 1), Ok(vec![13]));
        assert_eq!(indexes(&history, 14, 9), Ok(vec![]));
        assert_eq!(indexes(&history, 99, 9), Ok(vec![]));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let history = History::default();
        let one = event(1);
        let events = (1..=KEPT as u64 + 5).map(|index| Arc::new(Event { index, ..Event::clone(&one) }));
        history.push(events);
        assert_eq!(indexes(&history, 4, 1), Err(5));
        assert_eq!(indexes(&history, 5, 1), Ok(vec![6]));
    }
}
