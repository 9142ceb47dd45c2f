//! Health checks of the parts that a pod depends on.

use async_trait::async_trait;

use crate::Fault;

/// A dependency whose health can be checked.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Checks that the dependency answers, and says that it can do its work.
    ///
    /// # Errors
    /// The fault that was found.
    async fn ping(&self) -> Result<(), Fault>;

    /// Tries the work itself, which is a small write: a full disk, exhausted memory or a missing
    /// right shows only there. Not called more often than every few seconds.
    ///
    /// # Errors
    /// The fault that was found.
    async fn write(&self) -> Result<(), Fault>;
}
