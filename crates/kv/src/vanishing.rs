//! A map whose values expire, each at its own time.

use std::collections::{BTreeMap, BTreeSet};

use countersign_ports::time::Time;

/// Maximum number of entries. Beyond it the entry that expires first is removed early, so that
/// memory does not grow without limit.
const MOST: usize = 1_000_000;

/// Values by key, each of which expires at its own time.
pub struct Vanishing<K, V> {
    values: BTreeMap<K, (V, Time)>,
    deadlines: BTreeSet<(Time, K)>,
}

impl<K, V> Default for Vanishing<K, V> {
    fn default() -> Self {
        Self { values: BTreeMap::new(), deadlines: BTreeSet::new() }
    }
}

impl<K: Ord + Copy, V> Vanishing<K, V> {
    /// Removes what has expired, and returns the values that are left, in the order of their keys.
    pub fn at(&mut self, now: Time) -> &mut BTreeMap<K, (V, Time)> {
        while let Some(&(at, key)) = self.deadlines.first()
            && (at <= now || self.deadlines.len() > MOST)
        {
            self.deadlines.pop_first();
            self.values.remove(&key);
        }
        &mut self.values
    }

    /// Stores a value until this time, and replaces the previous one.
    pub fn put(&mut self, key: K, value: V, until: Time) {
        self.remove(key);
        self.values.insert(key, (value, until));
        self.deadlines.insert((until, key));
    }

    /// Removes a value and returns it.
    pub fn remove(&mut self, key: K) -> Option<V> {
        let (value, until) = self.values.remove(&key)?;
        self.deadlines.remove(&(until, key));
        Some(value)
    }
}
