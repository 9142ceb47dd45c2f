//! Wake-ups between the pods of one service.

use async_trait::async_trait;
use countersign_protocol::ids::PodId;

use crate::{Fault, presence::Peer};

/// The first byte of an arrival message on the bus. No topic starts with it.
pub const ARRIVAL: u8 = 8;

/// A notification that something must be read again. It carries no content on purpose: the store is
/// authoritative, the bus only wakes readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The object that the topic names has changed, up to version `v`. Only the service that chose
    /// the topic bytes can interpret them.
    Changed { topic: Vec<u8>, v: u64 },
    /// The peer has a newer connection, possibly on another pod; `arrival` is its number.
    Arrived { peer: Peer, arrival: u64 },
    /// Wake-ups may have been lost: subscribers must read everything again.
    Resync,
}

/// The stream of wake-ups that one pod receives.
#[async_trait]
pub trait Wakes: Send {
    /// Waits for the next wake-up; `None` when the bus has shut down for good.
    async fn next(&mut self) -> Option<Wake>;
}

/// Wakes subscribers on every pod of the service. A bus may lose wake-ups; it then sends
/// [`Wake::Resync`].
///
/// A topic must not start with the byte [`ARRIVAL`].
#[async_trait]
pub trait Bus: Send + Sync {
    /// Wakes the subscribers that wait for the topic, because it changed up to version `v`.
    ///
    /// # Errors
    /// When the bus cannot be reached.
    async fn announce(&self, topic: &[u8], v: u64) -> Result<(), Fault>;
    /// Subscribes a pod to all wake-ups from now on. The listening task is spawned on the runtime
    /// that this is called on.
    ///
    /// # Errors
    /// When the bus cannot be reached.
    async fn subscribe(&self, pod: PodId) -> Result<Box<dyn Wakes>, Fault>;
}
