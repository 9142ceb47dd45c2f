//! How infrastructure says "I cannot".

/// A port could not do its work. The text is for logs, and holds no secret and no value of a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It cannot be reached, or answers with an error. Trying again later may help.
    #[error("{0}")]
    Unreachable(String),
    /// So much waits for it that it takes no more. Trying again in a moment helps.
    #[error("{0}")]
    Busy(String),
    /// What is there makes no sense to this program, or the program failed itself: damage, or a
    /// bug. Trying again does not help.
    #[error("{0}")]
    Inconsistent(String),
}
