#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod answered;
pub mod bus;
pub mod counters;
pub mod fault;
pub mod identity;
pub mod presence;
pub mod probe;
pub mod random;
pub mod refusal;
pub mod sabotage;
pub mod secret;
pub mod time;
pub mod vault;

pub use fault::Fault;
