#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod client;
mod object;
pub mod page;
mod problem;
mod ready;
mod schema;
mod sensitive;
mod types;

pub use client::{ApiClient, ApiError, segment};
pub use object::Object;
pub use problem::{FieldError, Problem};
pub use ready::Ready;
pub use sensitive::Sensitive;
pub use types::*;
