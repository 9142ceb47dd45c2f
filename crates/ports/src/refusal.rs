//! How rules refuse, before a protocol says how the caller is told.

use std::borrow::Cow;

use crate::Fault;

/// The kind of a refusal. Each protocol has its own way to say it; over HTTP it is a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The caller may not.
    Forbidden,
    /// It is not there, or not the caller's: the same answer.
    NotFound,
    /// The state of the object does not allow it.
    Conflict,
    /// It was possible once, and is not any more.
    Gone,
    /// What is asked for makes no sense here.
    Unprocessable,
    /// Too much of it.
    TooMany,
    /// Something outside the program does not work; trying again may help.
    Unavailable,
    /// A bug, or damage. Trying again does not help.
    Internal,
}

/// A refusal, as the caller is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub kind: Kind,
    /// Stable; callers decide by it.
    pub code: &'static str,
    /// A sentence for people, where there is more to say than the code does.
    pub detail: Option<Cow<'static, str>>,
    /// What ran into its limit.
    pub limit: Option<&'static str>,
    /// When to try again, in seconds.
    pub retry_after: Option<u64>,
    /// For the log of the operator alone.
    pub log: Option<String>,
}

impl Refusal {
    /// With a stable code.
    #[must_use]
    pub fn new(kind: Kind, code: &'static str) -> Self {
        Self { kind, code, detail: None, limit: None, retry_after: None, log: None }
    }
}

/// Something that ends a request with a refusal.
pub trait Refuse {
    /// What is said of it.
    fn refusal(self) -> Refusal;
}

impl Refuse for Fault {
    fn refusal(self) -> Refusal {
        let log = Some(self.to_string());
        let (detail, retry_after) = match self {
            Self::Inconsistent(_) => return Refusal { log, ..Refusal::new(Kind::Internal, "internal") },
            Self::Unreachable(_) => ("storage is out of reach; try again", 2),
            Self::Busy(_) => ("too much waits for the storage; try again in a moment", 1),
        };
        let refusal = Refusal::new(Kind::Unavailable, "unavailable");
        Refusal { detail: Some(detail.into()), retry_after: Some(retry_after), log, ..refusal }
    }
}
