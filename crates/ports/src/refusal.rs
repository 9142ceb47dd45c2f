//! Refusals as the rules return them, independent of any protocol.

use std::borrow::Cow;

use crate::Fault;

/// The kind of a refusal. Each protocol maps it to a form of its own; over HTTP it is a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The caller lacks the permission.
    Forbidden,
    /// The object does not exist, or is not the caller's; deliberately the same answer.
    NotFound,
    /// The state of the object does not allow it.
    Conflict,
    /// It used to be possible, and no longer is.
    Gone,
    /// The request makes no sense here.
    Unprocessable,
    /// A limit was exceeded.
    TooMany,
    /// Something outside the program does not work. Retrying may help.
    Unavailable,
    /// A bug, or damaged data. Retrying does not help.
    Internal,
}

/// A refusal, as it is reported to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub kind: Kind,
    /// Stable identifier that callers branch on.
    pub code: &'static str,
    /// A sentence for people, when there is more to say than the code does.
    pub detail: Option<Cow<'static, str>>,
    /// Name of the limit that was exceeded.
    pub limit: Option<&'static str>,
    /// The id of the object that the refusal is about, when the caller does not know it.
    pub object: Option<String>,
    /// Seconds after which the caller may retry.
    pub retry_after: Option<u64>,
    /// Text for the operator's log; never sent to the caller.
    pub log: Option<String>,
}

impl Refusal {
    /// A refusal with a stable code and no further details.
    #[must_use]
    pub fn new(kind: Kind, code: &'static str) -> Self {
        Self { kind, code, detail: None, limit: None, object: None, retry_after: None, log: None }
    }
}

/// An error that ends a request with a refusal.
pub trait Refuse {
    /// Converts the error into the refusal to report.
    fn refusal(self) -> Refusal;
}

impl Refuse for Fault {
    fn refusal(self) -> Refusal {
        let log = Some(self.to_string());
        let (detail, retry_after) = match self {
            Self::Rejected(_) => {
                let detail = "a value cannot be stored: it is too long, or contains a character that no text \
                    may contain";
                let refusal = Refusal::new(Kind::Unprocessable, "invalid");
                return Refusal { detail: Some(detail.into()), log, ..refusal };
            }
            Self::Inconsistent(_) => return Refusal { log, ..Refusal::new(Kind::Internal, "internal") },
            Self::Unreachable(_) => ("storage cannot be reached; try again", 2),
            Self::Busy(_) => ("too much waits for the storage; try again in a moment", 1),
        };
        let refusal = Refusal::new(Kind::Unavailable, "unavailable");
        Refusal { detail: Some(detail.into()), retry_after: Some(retry_after), log, ..refusal }
    }
}
