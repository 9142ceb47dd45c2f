//! Wake-ups between the pods of one service.

use async_trait::async_trait;
use countersign_protocol::ids::PodId;

use crate::{Fault, presence::Peer};

/// The first byte of an arrival on the bus. Topics begin with another.
pub const ARRIVAL: u8 = 8;

/// Something to read again. It carries no content on purpose: the store tells, the bus wakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wake {
    /// What the topic names has changed, up to version `v`. The bytes mean something to their
    /// service only.
    Changed { topic: Vec<u8>, v: u64 },
    /// This peer has a newer connection somewhere; `arrival` is its number.
    Arrived { peer: Peer, arrival: u64 },
    /// Wake-ups may have been lost: everything must be read again.
    Resync,
}

/// The stream of wake-ups of one pod.
#[async_trait]
pub trait Wakes: Send {
    /// The next one; `None` when the port is gone for good.
    async fn next(&mut self) -> Option<Wake>;
}

/// Wakes those who wait, on every pod of the service. It may lose wake-ups; then it says
/// [`Wake::Resync`].
///
/// A topic does not begin with the byte [`ARRIVAL`].
#[async_trait]
pub trait Bus: Send + Sync {
    /// Wakes those who wait for the topic.
    ///
    /// # Errors
    /// When it cannot be reached.
    async fn announce(&self, topic: &[u8], v: u64) -> Result<(), Fault>;
    /// The wake-ups of a pod, from now on. What listens lives on the runtime this is called on.
    ///
    /// # Errors
    /// When it cannot be reached.
    async fn subscribe(&self, pod: PodId) -> Result<Box<dyn Wakes>, Fault>;
}
