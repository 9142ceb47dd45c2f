//! Counters of limits, shared by all pods of one service.

use async_trait::async_trait;

use crate::Fault;

/// Identifies one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Counter {
    /// The owner of the counter, such as a realm. Counters of different scopes are independent.
    pub scope: [u8; 16],
    /// A name that the service chose. It is part of the storage key, so it must not change between
    /// releases.
    pub kind: &'static str,
    /// The subject of the counter: an id, or the hash of a text.
    pub key: [u8; 16],
}

/// The state of a counter after an increment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub n: u64,
    /// Seconds until the window ends and the counter restarts; at least 1.
    pub left: u64,
}

/// Counts events within time windows.
///
/// Every method fails when the port cannot be reached.
#[async_trait]
pub trait Counters: Send + Sync {
    /// Increments the counter. A window lasts `secs` from its first increment.
    async fn count(&self, counter: Counter, secs: u64) -> Result<Count, Fault>;
    /// Adds `member`, and returns how many distinct members were added within `secs` of the first.
    async fn distinct(&self, counter: Counter, member: [u8; 16], secs: u64) -> Result<u64, Fault>;
}
