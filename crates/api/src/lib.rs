#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod client;
pub mod page;
mod problem;
mod types;

pub use client::{ApiClient, ApiError};
pub use problem::{FieldError, Problem};
pub use types::*;
