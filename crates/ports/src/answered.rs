//! How frames of phones are answered, for metrics.

use countersign_protocol::codes::Refusal;

/// How a frame of a phone was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// As asked.
    Ok,
    /// No, for a reason of the rules.
    Refused,
    /// Too often.
    Limited,
    /// The storage was out of reach.
    Unavailable,
    /// With a goodbye.
    Ended,
}

impl Answered {
    pub const ALL: [Self; 5] = [Self::Ok, Self::Refused, Self::Limited, Self::Unavailable, Self::Ended];

    /// The answer that is a refusal.
    #[must_use]
    pub fn no(why: Refusal) -> Self {
        match why {
            Refusal::RateLimited => Self::Limited,
            Refusal::Unavailable => Self::Unavailable,
            _ => Self::Refused,
        }
    }

    /// The spelling in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Limited => "limited",
            Self::Unavailable => "unavailable",
            Self::Ended => "ended",
        }
    }
}
