//! Limits on strangers at the phone socket: how many connections may be between "connected" and
//! "authenticated", in all and per address.
//!
//! These limits apply to one pod. They protect sockets and handshakes, so they must cost less than
//! they save.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// The limits of a gate.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Strangers at a time, in all.
    pub strangers: usize,
    /// Strangers at a time from one address; sized for many people behind one address.
    pub strangers_per_address: usize,
    /// Connections at a time, in all.
    pub connections: usize,
}

#[derive(Default)]
struct Inside {
    strangers: usize,
    by_address: HashMap<IpAddr, usize>,
    connections: usize,
}

/// The gate of one pod.
#[derive(Clone)]
pub struct Gate {
    limits: Limits,
    inside: Arc<Mutex<Inside>>,
}

impl Gate {
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, inside: Arc::default() }
    }

    /// Admits a stranger; `None` when a limit is reached.
    #[must_use]
    pub fn enter(&self, address: IpAddr) -> Option<(Guest, Seat)> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let here = inside.by_address.get(&address).copied().unwrap_or(0);
        if inside.strangers >= self.limits.strangers
            || inside.connections >= self.limits.connections
            || here >= self.limits.strangers_per_address
        {
            return None;
        }
        inside.strangers += 1;
        inside.connections += 1;
        inside.by_address.insert(address, here + 1);
        Some((Guest { gate: self.clone(), address }, Seat(self.clone())))
    }
}

/// Counts a stranger; dropped when the phone is trusted, or when the connection has ended.
pub struct Guest {
    gate: Gate,
    address: IpAddr,
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut inside = self.gate.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.strangers -= 1;
        if let Some(n) = inside.by_address.get_mut(&self.address) {
            *n -= 1;
            if *n == 0 {
                inside.by_address.remove(&self.address);
            }
        }
    }
}

/// Counts a connection; dropped when the connection ends.
pub struct Seat(Gate);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.inside.lock().unwrap_or_else(PoisonError::into_inner).connections -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_counts_strangers_in_all_and_per_address_and_forgets_them() {
        let gate = Gate::new(Limits { strangers: 3, strangers_per_address: 2, connections: 4 });
        let (a, b) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let one = gate.enter(a).expect("room");
        let _two = gate.enter(a).expect("room");
        assert!(gate.enter(a).is_none(), "two from one address");
        let (guest, _seat) = gate.enter(b).expect("room");
        assert!(gate.enter(b).is_none(), "three in all");
        drop(guest);
        let (_known, _seat4) = gate.enter(b).expect("one of them is no stranger any more");
        drop(one);
        assert!(gate.enter(a).is_some(), "one seat and one pass are free again");
        assert!(gate.inside.lock().expect("whole").by_address.len() <= 2);
    }
}
