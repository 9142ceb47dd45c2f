//! Facts that are counted as they happen. A fact carries no id and no name, so metrics cannot
//! reveal any.

use countersign_ports::answered::Answered;
use countersign_protocol::codes::LoginState;

use crate::{limits::LimitedBy, login::Via};

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
    /// A phone's frame was answered. `frame` is the frame's own name for metrics.
    Command { frame: &'static str, result: Answered },
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
