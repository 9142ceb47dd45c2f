#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod device;
pub mod flows;
pub mod keys;
pub mod limits;
pub mod meter;
pub mod policy;
pub mod ports;
pub mod refused;
pub mod server;

pub use refused::{Refused, Stop};
