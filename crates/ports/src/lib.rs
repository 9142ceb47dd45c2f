#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod fault;
pub mod random;
pub mod sabotage;
pub mod secret;
pub mod time;
pub mod vault;

pub use fault::Fault;
