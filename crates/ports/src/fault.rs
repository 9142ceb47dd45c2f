//! How infrastructure says "I cannot".

/// A port could not do its work. Retrying later may help; the text is for logs and holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub String);
