//! Health checks of the parts that a pod depends on.

use async_trait::async_trait;

use crate::Fault;

/// A dependency whose health can be checked.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Checks that the dependency answers and keeps what it is given.
    ///
    /// # Errors
    /// The fault that was found.
    async fn ping(&self) -> Result<(), Fault>;
}
