//! What is counted while it happens. A fact carries no id and no name, so no count can.

use countersign_ports::answered::Answered;
use countersign_protocol::codes::LoginState;

use crate::{limits::LimitedBy, login::Via};

/// Something that happened, and is a fact by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A login got its outcome. `via` is how its phone came, if one had.
    Outcome { state: LoginState, via: Option<Via> },
    /// A client was given an identity, for the first time.
    Redeemed,
    /// An enrolment was confirmed: there is one phone more.
    Enrolled,
    /// Somebody was turned away.
    Limited(LimitedBy),
    /// The trail got a row that somebody should look at.
    Alert(Alert),
    /// A phone's frame was answered. `frame` is the frame's own name for metrics.
    Command { frame: &'static str, result: Answered },
}

/// Kinds of alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alert {
    /// A limit was reached.
    Limited,
    /// A phone said "not me".
    NotMe,
    /// A browser or address stays out.
    Quarantined,
    /// A user who had a phone got another one, and none of the user's own phones let it in.
    Recovered,
    /// Keys that are unknown or do not work.
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

/// Counts facts. Called in the middle of everything: it never waits, and it cannot fail.
pub trait Meter: Send + Sync {
    /// One more.
    fn note(&self, fact: Fact);
}

/// Counts nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unmetered;

impl Meter for Unmetered {
    fn note(&self, _: Fact) {}
}
