//! A value that may be replaced while others read it.

use arc_swap::{ArcSwap, Guard};
use std::sync::Arc;

/// Clones share one value. Whoever has taken it goes on with what they took.
#[derive(Debug)]
pub struct Live<T>(Arc<ArcSwap<T>>);

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Live<T> {
    pub fn new(value: T) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(value)))
    }

    /// For a short look: no lock, no count.
    pub fn get(&self) -> Guard<Arc<T>> {
        self.0.load()
    }

    /// To be kept, also across an `await`.
    pub fn take(&self) -> Arc<T> {
        self.0.load_full()
    }

    pub fn set(&self, value: T) {
        self.0.store(Arc::new(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_taken_it_keeps_it_and_who_comes_later_gets_the_new_one() {
        let live = Live::new(1);
        let (other, taken) = (live.clone(), live.take());
        other.set(2);
        assert_eq!((*taken, **live.get()), (1, 2));
    }
}
