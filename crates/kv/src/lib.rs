#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod memory;
mod tallies;

pub use memory::{MemoryKv, Size};
