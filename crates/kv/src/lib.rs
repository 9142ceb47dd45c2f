#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod memory;

pub use memory::MemoryKv;
