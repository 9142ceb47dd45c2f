#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![expect(clippy::duplicate_mod, reason = "one query body, compiled once for each database")]

mod mysql;
mod postgres;
mod schema;
mod sqlite;
mod store;

pub use store::{SfsStore, migrations};
