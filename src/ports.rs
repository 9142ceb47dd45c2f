//! The real clock and the real randomness: the only place that reads either.

use std::time::{SystemTime, UNIX_EPOCH};

use countersign_ports::{
    random::Random,
    time::{Clock, Time},
};

/// The system's clock.
pub(crate) struct WallClock;

/// How far test builds have moved the clock.
#[cfg(feature = "faults")]
pub(crate) static AHEAD_MS: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);

/// Sets the clock to this many seconds since 1970, from where it runs on.
#[cfg(feature = "faults")]
pub(crate) fn start_clock_at(secs: u64) {
    let ahead = i128::from(secs) * 1000 - i128::from(WallClock.now().0);
    AHEAD_MS.fetch_add(i64::try_from(ahead).unwrap_or(0), std::sync::atomic::Ordering::Relaxed);
}

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
