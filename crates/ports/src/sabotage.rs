//! Sabotage, for tests of the tests: each named fault breaks one promise, and the suite must
//! notice.
//!
//! Without the `faults` feature every question is answered "no" at compile time and nothing of this
//! is in the program.

/// What may be broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// Do not tell anybody that an object changed.
    DropPublish,
    /// Claim without comparing the version.
    SkipCompare,
    /// Treat a lost outcome insert as won.
    ApproveTwice,
    /// Answer before the transaction commits, then roll it back.
    AckBeforeCommit,
    /// Do not notice expiry.
    LoseExpiry,
    /// Leave an enrolment code usable after it was redeemed.
    ReuseCode,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::DropPublish,
        Self::SkipCompare,
        Self::ApproveTwice,
        Self::AckBeforeCommit,
        Self::LoseExpiry,
        Self::ReuseCode,
    ];

    /// The spelling on the command line of a test build.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DropPublish => "drop-publish",
            Self::SkipCompare => "skip-compare",
            Self::ApproveTwice => "approve-twice",
            Self::AckBeforeCommit => "ack-before-commit",
            Self::LoseExpiry => "lose-expiry",
            Self::ReuseCode => "reuse-code",
        }
    }
}

#[cfg(feature = "faults")]
mod on {
    use std::sync::OnceLock;

    use super::Sabotage;

    static ACTIVE: OnceLock<Sabotage> = OnceLock::new();

    /// Switches one sabotage on for the life of the process.
    pub fn activate(name: &str) -> bool {
        Sabotage::ALL.into_iter().find(|f| f.as_str() == name).is_some_and(|f| ACTIVE.set(f).is_ok())
    }

    /// Whether this one is on.
    #[must_use]
    pub fn active(fault: Sabotage) -> bool {
        ACTIVE.get() == Some(&fault)
    }
}
#[cfg(feature = "faults")]
pub use on::{activate, active};

/// Whether this sabotage is on: never, in a build without the feature.
#[cfg(not(feature = "faults"))]
#[must_use]
pub const fn active(_: Sabotage) -> bool {
    false
}
