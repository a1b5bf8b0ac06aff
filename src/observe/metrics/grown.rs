//! A map that is read on every request and grows seldom: readers take no lock and allocate nothing.

use arc_swap::ArcSwap;
use std::{borrow::Borrow, collections::HashMap, hash::Hash};

#[derive(Debug)]
pub(super) struct GrownMap<K, V>(ArcSwap<HashMap<K, V>>);

impl<K, V> Default for GrownMap<K, V> {
    fn default() -> Self {
        Self(ArcSwap::from_pointee(HashMap::new()))
    }
}

impl<K: Eq + Hash + Clone, V: Clone> GrownMap<K, V> {
    /// Runs `read` on the value of `key`; `None` when the map has not grown it yet.
    pub fn read<Q, R>(&self, key: &Q, read: impl FnOnce(&V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.0.load().get(key).map(read)
    }

    pub fn is_full(&self, limit: usize) -> bool {
        self.0.load().len() >= limit
    }

    /// Adds `key` unless it is there or the map already holds `limit` keys. Copies the map.
    pub fn grow(&self, key: &K, value: &V, limit: usize) {
        if self.is_full(limit) {
            return;
        }
        self.0.rcu(|map| {
            let mut grown = HashMap::clone(map);
            if grown.len() < limit {
                grown.entry(key.clone()).or_insert_with(|| value.clone());
            }
            grown
        });
    }

    pub fn snapshot(&self) -> Vec<(K, V)> {
        self.0.load().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_stays_and_the_limit_holds() {
        let map = GrownMap::<String, u8>::default();
        map.grow(&"a".into(), &1, 2);
        map.grow(&"a".into(), &9, 2);
        map.grow(&"b".into(), &2, 2);
        map.grow(&"c".into(), &3, 2);
        assert_eq!(map.read("a", |v| *v), Some(1));
        assert_eq!(map.read("c", |v| *v), None);
        assert_eq!(map.snapshot().len(), 2);
    }
}
