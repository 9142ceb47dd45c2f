#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![expect(clippy::duplicate_mod, reason = "one query body, compiled once for each database")]

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod growth;
mod mysql;
mod postgres;
mod rows;
mod schema;
mod sqlite;
mod store;

pub use store::{NsStore, migrations};
