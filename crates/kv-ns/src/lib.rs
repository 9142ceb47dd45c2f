#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod memory;
mod offers;
mod redis;

pub use memory::{MemoryLive, Size};
pub use redis::RedisLive;

/// How long a settled login is kept, in seconds. The database has it, so it soon makes room for
/// others.
const SETTLED_SECS: u64 = 30;
