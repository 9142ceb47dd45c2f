#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod memory;
mod redis;
mod subscription;
mod vanishing;

pub use memory::{MemoryKv, Size};
pub use redis::{COUNTING, InvalidRedisUrl, Keys, Login, Pack, RedisKv, RedisUrl, pack_map, script};
pub use vanishing::Vanishing;
