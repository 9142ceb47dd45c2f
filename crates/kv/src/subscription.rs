//! The receiving end of a pod's wake-ups, for all adapters.

use async_trait::async_trait;
use countersign_ports::bus::{Wake, Wakes};
use tokio::sync::broadcast;

/// Number of wake-ups that a slow subscriber may fall behind before it is told to read everything
/// again.
pub(crate) const BACKLOG: usize = 4096;

pub(crate) struct Subscription(pub(crate) broadcast::Receiver<Wake>);

#[async_trait]
impl Wakes for Subscription {
    async fn next(&mut self) -> Option<Wake> {
        match self.0.recv().await {
            Ok(wake) => Some(wake),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Wake::Resync),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
