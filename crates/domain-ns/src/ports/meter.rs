//! Facts that are counted as they happen. A fact carries no id and no name, so metrics cannot
//! reveal any.

use countersign_ports::answered::Answered;
use countersign_protocol::codes::LoginState;

use crate::{Refused, limits::LimitedBy, login::Via};

/// Something that has happened and cannot change any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A login got its outcome. `via` is how its phone came to it, if one claimed it.
    Outcome { state: LoginState, via: Option<Via> },
    /// A client got the identity for a login, for the first time.
    Redeemed,
    /// An enrolment was confirmed, so there is one more phone.
    Enrolled,
    /// A request was refused because of a limit.
    Limited(LimitedBy),
    /// A row was written to the trail that an operator should look at.
    Alert(Alert),
    /// A second factor was judged, for a login or an enrolment.
    Factor(FactorResult),
    /// A phone's frame was answered. `frame` is the frame's own name for metrics.
    Command { frame: &'static str, result: Answered },
}

/// What came of a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorResult {
    /// An attestation was accepted.
    Proven,
    /// An attestation was not accepted.
    Refused,
    /// One was needed, and the account has none or the phone showed none.
    Missing,
}

impl FactorResult {
    pub const ALL: [Self; 3] = [Self::Proven, Self::Refused, Self::Missing];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Refused => "refused",
            Self::Missing => "missing",
        }
    }

    /// What this answer to a phone says about its second factor, if it does.
    #[must_use]
    pub fn of(refused: &Refused) -> Option<Self> {
        match refused {
            Refused::FactorNeeded => Some(Self::Missing),
            Refused::BadAttestation => Some(Self::Refused),
            _ => None,
        }
    }
}

/// Kinds of alerts in the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alert {
    /// A limit was reached.
    Limited,
    /// A phone said "not me".
    NotMe,
    /// A browser or address was restricted after "not me".
    Quarantined,
    /// A user who had a phone got another one, and none of the user's own phones let it in.
    Recovered,
    /// API keys that are unknown or do not work were used.
    Unauthorized,
}

impl Alert {
    pub const ALL: [Self; 5] =
        [Self::Limited, Self::NotMe, Self::Quarantined, Self::Recovered, Self::Unauthorized];

    /// The action in the trail.
    #[must_use]
    pub fn action(self) -> &'static str {
        match self {
            Self::Limited => "alert.limited",
            Self::NotMe => "alert.not_me",
            Self::Quarantined => "alert.quarantined",
            Self::Recovered => "alert.recovered",
            Self::Unauthorized => "alert.unauthorized",
        }
    }

    /// The spelling in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.action().trim_start_matches("alert.")
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
