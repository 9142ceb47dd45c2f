//! Whether a part that a pod depends on works.

use async_trait::async_trait;

use crate::Fault;

/// Something that can be asked how it is.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Whether it answers, and keeps what it is given.
    ///
    /// # Errors
    /// What is wrong with it.
    async fn ping(&self) -> Result<(), Fault>;
}
