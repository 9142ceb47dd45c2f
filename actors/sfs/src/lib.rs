#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod commands;
mod heart;
mod identity;
mod session;
mod shared;
mod signing;

pub use heart::{Heart, Settings};
pub use identity::{Known, make_identity};
