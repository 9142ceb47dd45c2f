//! A clock whose hands are moved by a test.

use std::sync::atomic::{AtomicU64, Ordering};

use countersign_ports::time::{Clock, Time};

/// Begins at zero, and stands still until it is moved.
#[derive(Default)]
pub struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::Relaxed))
    }
}

impl Hands {
    /// Lets so many seconds pass.
    pub fn pass(&self, secs: u64) {
        self.0.fetch_add(secs * 1000, Ordering::Relaxed);
    }
}
