//! How the server answered frames from phones, for metrics.

use countersign_protocol::codes::Refusal;

/// Outcome of one frame from a phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The frame was handled as requested.
    Ok,
    /// A rule refused the command.
    Refused,
    /// A rate limit refused the command.
    Limited,
    /// The storage could not be reached.
    Unavailable,
    /// The server ended the connection with a Goodbye.
    Ended,
}

impl Answered {
    pub const ALL: [Self; 5] = [Self::Ok, Self::Refused, Self::Limited, Self::Unavailable, Self::Ended];

    /// The outcome that a refusal counts as.
    #[must_use]
    pub fn no(why: Refusal) -> Self {
        match why {
            Refusal::RateLimited => Self::Limited,
            Refusal::Unavailable => Self::Unavailable,
            _ => Self::Refused,
        }
    }

    /// The label value in metrics.
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
