//! Which peers are connected, and to which pod of the service.

use async_trait::async_trait;

use crate::{Fault, time::Time};

/// The holder of a connection, such as an account or a mailbox. Only the service that chose the
/// bytes can interpret them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Peer(pub [u8; 16]);

/// Tracks arrivals and departures of peers. A peer's newest connection wins, whichever pod it is
/// on.
///
/// Every method fails when the port cannot be reached.
#[async_trait]
pub trait Presence: Send + Sync {
    /// Records for `ttl_secs` that the peer has a new connection on this pod, and notifies the
    /// other pods, if there are any ([`crate::bus::Wake::Arrived`]). Returns the number of this
    /// arrival, which is higher than that of every arrival before it.
    async fn arrive(&self, peer: Peer, ttl_secs: u64) -> Result<u64, Fault>;
    /// The number of each peer's newest arrival, where one is recorded, in the order of `peers`.
    async fn newest(&self, peers: &[Peer]) -> Result<Vec<Option<u64>>, Fault>;
    /// Records that these connections on this pod, given by peer and arrival number, have ended.
    async fn depart(&self, gone: &[(Peer, u64)]) -> Result<(), Fault>;
    /// Whether each peer has a connection on another live pod, in the order of `peers`. The death
    /// of a pod is noticed within seconds.
    async fn elsewhere(&self, peers: &[Peer]) -> Result<Vec<bool>, Fault>;
    /// Records for `ttl_secs` that the peer sent a heartbeat just now.
    async fn record_heartbeat(&self, peer: Peer, ttl_secs: u64) -> Result<(), Fault>;
    /// The time of the peer's last heartbeat, if it is still recorded.
    async fn last_heartbeat(&self, peer: Peer) -> Result<Option<Time>, Fault>;
}
