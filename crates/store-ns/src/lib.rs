#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod rows;
mod schema;
mod sqlite;
mod store;

pub use store::NsStore;
