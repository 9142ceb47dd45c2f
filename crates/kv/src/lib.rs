#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod memory;
mod offers;
mod redis;
mod subscription;
mod tallies;

pub use memory::{MemoryKv, Size};
pub use redis::{RedisKv, RedisUrl};
