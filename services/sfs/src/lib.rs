#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod metrics;
mod observed;

pub use observed::{Observed, Storage};

/// The service, as metrics and roles spell it.
pub const SERVICE: &str = "sfs";
