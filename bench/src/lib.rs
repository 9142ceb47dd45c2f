#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod pod;
pub mod reference;
pub mod results;
pub mod scenes;

/// Anything that stops a measurement.
pub type Stop = Box<dyn std::error::Error + Send + Sync>;
