//! Tests of live state, in memory and on a real Redis.
#![expect(clippy::unwrap_used, reason = "tests")]

mod contract;
mod counting;
mod failover;
