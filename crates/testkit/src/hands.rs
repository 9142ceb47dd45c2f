//! A clock that a test sets.

use std::sync::atomic::{AtomicU64, Ordering};

use countersign_ports::time::{Clock, Time};

/// A clock that begins at zero, and stands still until a test moves it.
#[derive(Default)]
pub struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::Relaxed))
    }
}

impl Hands {
    /// Moves the clock forward by this many seconds.
    pub fn pass(&self, secs: u64) {
        self.0.fetch_add(secs * 1000, Ordering::Relaxed);
    }
}
