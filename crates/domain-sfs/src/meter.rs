//! Facts that are counted as they happen. A fact carries no id, so metrics cannot reveal any.

use countersign_ports::answered::Answered;

/// Something that has happened and cannot change any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A PIN was set, changed, tried, proven, locked, wiped or forgotten.
    Pin(PinFact),
    /// An attestation was signed.
    Attested,
    /// A limit by address turned a phone away.
    Limited,
    /// A phone's frame was answered. `frame` is the frame's own name for metrics.
    Command { frame: &'static str, result: Answered },
}

/// What happened to a PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinFact {
    Set,
    Changed,
    Tried,
    Proven,
    Locked,
    Wiped,
    Forgotten,
}

impl PinFact {
    pub const ALL: [Self; 7] =
        [Self::Set, Self::Changed, Self::Tried, Self::Proven, Self::Locked, Self::Wiped, Self::Forgotten];

    /// The spelling in metrics; the trail puts `pin.` in front of it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.action().trim_start_matches("pin.")
    }

    /// The action in the trail.
    #[must_use]
    pub fn action(self) -> &'static str {
        match self {
            Self::Set => "pin.set",
            Self::Changed => "pin.changed",
            Self::Tried => "pin.tried",
            Self::Proven => "pin.proven",
            Self::Locked => "pin.locked",
            Self::Wiped => "pin.wiped",
            Self::Forgotten => "pin.forgotten",
        }
    }
}

/// Counts facts. It is called in the middle of flows, so it never waits and cannot fail.
pub trait Meter: Send + Sync {
    /// Counts one fact.
    fn note(&self, fact: Fact);
}

/// A meter that counts nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unmetered;

impl Meter for Unmetered {
    fn note(&self, _: Fact) {}
}
