//! Which peers are connected, and where, among all pods of one service.

use async_trait::async_trait;

use crate::{Fault, time::Time};

/// The holder of a connection, such as an account or a mailbox. What the bytes mean is known to its
/// service alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Peer(pub [u8; 16]);

/// Arrivals and departures of peers. The newest connection of a peer wins, on whichever pod it is.
///
/// Every method fails when the port cannot be reached.
#[async_trait]
pub trait Presence: Send + Sync {
    /// The peer has a new connection on this pod. Gives the number of this arrival, which is higher
    /// than that of every one before. Where there are other pods, wakes them
    /// ([`crate::bus::Wake::Arrived`]), and remembers it for `ttl_secs`.
    async fn arrive(&self, peer: Peer, ttl_secs: u64) -> Result<u64, Fault>;
    /// The number of each peer's newest arrival, where it is remembered; in the order of the
    /// question.
    async fn newest(&self, peers: &[Peer]) -> Result<Vec<Option<u64>>, Fault>;
    /// The connections of these peers on this pod, by the numbers of their arrivals, have ended.
    async fn depart(&self, gone: &[(Peer, u64)]) -> Result<(), Fault>;
    /// Whether each peer has a connection on another pod that lives; in the order of the question.
    /// A pod that died is noticed within seconds.
    async fn elsewhere(&self, peers: &[Peer]) -> Result<Vec<bool>, Fault>;
    /// The peer was heard just now; remembered for `ttl_secs`.
    async fn record_heartbeat(&self, peer: Peer, ttl_secs: u64) -> Result<(), Fault>;
    /// When the peer was heard last, if that is remembered.
    async fn last_heartbeat(&self, peer: Peer) -> Result<Option<Time>, Fault>;
}
