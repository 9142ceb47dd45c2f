//! The real clock and the real randomness: the only place that reads either.

use std::time::{SystemTime, UNIX_EPOCH};

use countersign_domain::{ports::Clock, random::Random, time::Time};

/// The system's clock.
pub(crate) struct WallClock;

/// Test builds can set the clock.
#[cfg(feature = "faults")]
pub(crate) static AHEAD_MS: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);

impl Clock for WallClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> Time {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        #[cfg(feature = "faults")]
        let now = Time(now.0.saturating_add_signed(AHEAD_MS.load(std::sync::atomic::Ordering::Relaxed)));
        now
    }
}

/// The operating system's randomness.
pub(crate) struct OsRandom;

impl Random for OsRandom {
    fn fill(&self, out: &mut [u8]) {
        aws_lc_rs::rand::fill(out).expect("the operating system gives randomness");
    }
}
