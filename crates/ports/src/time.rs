//! Time is passed as an argument; the wall clock is read only through [`Clock`].

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub u64);

impl Time {
    /// Whole seconds, as sent on the phone channel.
    #[must_use]
    pub fn secs(self) -> u64 {
        self.0 / 1000
    }

    /// The time `secs` seconds later.
    #[must_use]
    pub fn plus_secs(self, secs: u64) -> Self {
        Self(self.0.saturating_add(secs.saturating_mul(1000)))
    }

    /// Milliseconds from now until `later`; zero when it has passed.
    #[must_use]
    pub fn until(self, later: Self) -> u64 {
        later.0.saturating_sub(self.0)
    }
}

/// The wall clock.
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> Time;
}
