#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod heart;
mod identity;
mod session;

pub use heart::{Heart, Settings};
pub use identity::make_identity;
