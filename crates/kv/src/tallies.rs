//! Counters, who was heard when, and who stays out: small things that vanish by themselves.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::Hash,
};

use countersign_domain_ns::ports::{Count, Counter, Measure, Quarantine, Suspect};
use countersign_ports::time::Time;
use countersign_protocol::ids::{AccountId, RealmId};

/// Entries of each kind held at most. Beyond it the one that vanishes first goes early: counting forgets, memory does not grow.
const MOST: usize = 1_000_000;
/// Members remembered for one counter.
const MOST_MEMBERS: usize = 64;

/// Values that vanish at a time of their own.
struct Vanishing<K, V> {
    values: BTreeMap<K, (V, Time)>,
    deadlines: BTreeSet<(Time, K)>,
}

impl<K, V> Default for Vanishing<K, V> {
    fn default() -> Self {
        Self { values: BTreeMap::new(), deadlines: BTreeSet::new() }
    }
}

impl<K: Ord + Copy + Hash, V> Vanishing<K, V> {
    fn sweep(&mut self, now: Time) {
        while let Some(&(at, key)) = self.deadlines.first()
            && (at <= now || self.deadlines.len() > MOST)
        {
            self.deadlines.pop_first();
            self.values.remove(&key);
        }
    }

    fn put(&mut self, key: K, value: V, until: Time) {
        self.remove(key);
        self.values.insert(key, (value, until));
        self.deadlines.insert((until, key));
    }

    fn remove(&mut self, key: K) -> Option<V> {
        let (value, until) = self.values.remove(&key)?;
        self.deadlines.remove(&(until, key));
        Some(value)
    }
}

#[derive(Default)]
pub(crate) struct Tallies {
    counts: Vanishing<Counter, u64>,
    members: Vanishing<Counter, Vec<[u8; 16]>>,
    heard: Vanishing<AccountId, Time>,
    out: Vanishing<(RealmId, Suspect), Quarantine>,
}

impl Tallies {
    /// Counters, accounts heard, quarantines.
    pub(crate) fn sizes(&mut self, now: Time) -> (usize, usize, usize) {
        self.counts.sweep(now);
        self.members.sweep(now);
        self.heard.sweep(now);
        self.out.sweep(now);
        (self.counts.values.len() + self.members.values.len(), self.heard.values.len(), self.out.values.len())
    }

    pub(crate) fn count(&mut self, counter: Counter, now: Time, secs: u64) -> Count {
        self.counts.sweep(now);
        let (n, until) = match self.counts.values.get_mut(&counter) {
            Some((n, until)) => {
                *n += 1;
                (*n, *until)
            }
            None => {
                let until = now.plus_secs(secs.max(1));
                self.counts.put(counter, 1, until);
                (1, until)
            }
        };
        Count { n, left: now.until(until).div_ceil(1000).max(1) }
    }

    pub(crate) fn distinct(&mut self, counter: Counter, member: [u8; 16], now: Time, secs: u64) -> u64 {
        self.members.sweep(now);
        if let Some((members, _)) = self.members.values.get_mut(&counter) {
            if !members.contains(&member) && members.len() < MOST_MEMBERS {
                members.push(member);
            }
            return members.len() as u64;
        }
        self.members.put(counter, vec![member], now.plus_secs(secs.max(1)));
        1
    }

    pub(crate) fn hear(&mut self, account: AccountId, now: Time, secs: u64) {
        self.heard.sweep(now);
        self.heard.put(account, now, now.plus_secs(secs.max(1)));
    }

    pub(crate) fn heard(&mut self, account: AccountId, now: Time) -> Option<Time> {
        self.heard.sweep(now);
        self.heard.values.get(&account).map(|(at, _)| *at)
    }

    pub(crate) fn quarantine(&mut self, realm: RealmId, quarantine: Quarantine) {
        self.out.put((realm, quarantine.suspect), quarantine, quarantine.until);
    }

    pub(crate) fn quarantined(&mut self, realm: RealmId, suspect: Suspect, now: Time) -> Option<Time> {
        self.out.sweep(now);
        self.out.values.get(&(realm, suspect)).map(|(q, _)| q.until)
    }

    pub(crate) fn quarantines(&mut self, realm: RealmId, now: Time) -> Vec<Quarantine> {
        self.out.sweep(now);
        let least = Suspect { key: [0; 16], measure: Measure::Browser };
        self.out.values.range((realm, least)..).take_while(|((of, _), _)| *of == realm).map(|(_, (q, _))| *q).collect()
    }

    pub(crate) fn release(&mut self, realm: RealmId, suspect: Suspect, now: Time) -> bool {
        self.out.sweep(now);
        self.out.remove((realm, suspect)).is_some()
    }
}
