//! Values that vanish at a time of their own.

use std::collections::{BTreeMap, BTreeSet};

use countersign_ports::time::Time;

/// Entries held at most. Beyond it the one that vanishes first goes early: something is forgotten,
/// memory does not grow.
const MOST: usize = 1_000_000;

/// Values by key, each until a time of its own.
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
    /// The values that are there now, in the order of their keys.
    pub fn at(&mut self, now: Time) -> &mut BTreeMap<K, (V, Time)> {
        while let Some(&(at, key)) = self.deadlines.first()
            && (at <= now || self.deadlines.len() > MOST)
        {
            self.deadlines.pop_first();
            self.values.remove(&key);
        }
        &mut self.values
    }

    /// Puts a value there until this time, in the place of another.
    pub fn put(&mut self, key: K, value: V, until: Time) {
        self.remove(key);
        self.values.insert(key, (value, until));
        self.deadlines.insert((until, key));
    }

    /// Takes the value away.
    pub fn remove(&mut self, key: K) -> Option<V> {
        let (value, until) = self.values.remove(&key)?;
        self.deadlines.remove(&(until, key));
        Some(value)
    }
}
