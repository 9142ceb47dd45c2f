//! Deliberate faults that test the tests: each one breaks one promise, and the test suite must
//! notice.
//!
//! Without the `faults` feature, `active` is a constant `false` and the compiler removes every
//! fault from the program.

/// A fault that can be switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// Do not announce that an object changed.
    DropPublish,
    /// Claim without comparing the version.
    SkipCompare,
    /// Treat a lost race for the outcome as won.
    ApproveTwice,
    /// Answer before the transaction commits, then roll it back.
    AckBeforeCommit,
    /// Ignore expiry.
    LoseExpiry,
    /// Leave an enrolment code usable after it was redeemed.
    ReuseCode,
    /// SFS: evaluate a PIN before the try is counted, and do not count it.
    CountAfterEvaluation,
    /// SFS: give back tries that were used.
    RestoreTries,
    /// SFS: attest a factor of another device.
    AttestForAnybody,
    /// NS: accept an attestation a second time.
    SpendTwice,
    /// NS: trust an SFS whose root is not listed.
    TrustAnyRoot,
}

impl Sabotage {
    /// Every fault.
    pub const ALL: [Self; 11] = [
        Self::DropPublish,
        Self::SkipCompare,
        Self::ApproveTwice,
        Self::AckBeforeCommit,
        Self::LoseExpiry,
        Self::ReuseCode,
        Self::CountAfterEvaluation,
        Self::RestoreTries,
        Self::AttestForAnybody,
        Self::SpendTwice,
        Self::TrustAnyRoot,
    ];

    /// The name on the command line of a test build.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DropPublish => "drop-publish",
            Self::SkipCompare => "skip-compare",
            Self::ApproveTwice => "approve-twice",
            Self::AckBeforeCommit => "ack-before-commit",
            Self::LoseExpiry => "lose-expiry",
            Self::ReuseCode => "reuse-code",
            Self::CountAfterEvaluation => "count-after-evaluation",
            Self::RestoreTries => "restore-tries",
            Self::AttestForAnybody => "attest-for-anybody",
            Self::SpendTwice => "spend-twice",
            Self::TrustAnyRoot => "trust-any-root",
        }
    }
}

#[cfg(feature = "faults")]
mod on {
    use std::sync::OnceLock;

    use super::Sabotage;

    static ACTIVE: OnceLock<Sabotage> = OnceLock::new();

    /// Activates one fault for the life of the process. Returns false when the name is unknown or a
    /// fault is already active.
    pub fn activate(name: &str) -> bool {
        Sabotage::ALL.into_iter().find(|f| f.as_str() == name).is_some_and(|f| ACTIVE.set(f).is_ok())
    }

    /// Whether this fault is active.
    #[must_use]
    pub fn active(fault: Sabotage) -> bool {
        ACTIVE.get() == Some(&fault)
    }
}
#[cfg(feature = "faults")]
pub use on::{activate, active};

/// Whether this fault is active: never, in a build without the `faults` feature.
#[cfg(not(feature = "faults"))]
#[must_use]
pub const fn active(_: Sabotage) -> bool {
    false
}
