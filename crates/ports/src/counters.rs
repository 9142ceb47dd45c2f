//! Counters of limits, shared by all pods of one service.

use async_trait::async_trait;

use crate::Fault;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Counter {
    /// Whose counter it is, such as a realm: nobody counts for another.
    pub scope: [u8; 16],
    /// A name that its service chose. It is part of what is stored, so it does not change between
    /// releases.
    pub kind: &'static str,
    /// An id, or the hash of a text.
    pub key: [u8; 16],
}

/// Where a counter stands after this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub n: u64,
    /// Seconds until it starts anew, at least 1.
    pub left: u64,
}

/// Counts within windows of time.
///
/// Every method fails when the port cannot be reached.
#[async_trait]
pub trait Counters: Send + Sync {
    /// Counts one more within a window of `secs` that begins with the first.
    async fn count(&self, counter: Counter, secs: u64) -> Result<Count, Fault>;
    /// How many different members were named for this counter within `secs` of the first.
    async fn distinct(&self, counter: Counter, member: [u8; 16], secs: u64) -> Result<u64, Fault>;
}
