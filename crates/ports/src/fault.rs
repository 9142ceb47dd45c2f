//! The error that infrastructure ports return.

/// A port could not do its work. The text is for logs; it holds no secrets and no row values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The backend cannot be reached or answers with an error. Retrying later may help.
    #[error("{0}")]
    Unreachable(String),
    /// Too much work is queued for the backend to accept more. Retrying in a moment helps.
    #[error("{0}")]
    Busy(String),
    /// The backend cannot store a value of the request. Only another value helps.
    #[error("{0}")]
    Rejected(String),
    /// The stored data makes no sense to this program, or the program itself failed: damage or a
    /// bug. Retrying does not help.
    #[error("{0}")]
    Inconsistent(String),
}
