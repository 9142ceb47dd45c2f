#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![expect(clippy::duplicate_mod, reason = "one query body, compiled once for each database")]

mod mysql;
mod postgres;
mod rows;
mod schema;
mod sqlite;
mod store;

pub use store::{NsStore, migrations};

/// Numbers unordered rows of the trail after `{last}`, where an UPDATE may have a FROM.
const ORDER_WITH_FROM: &str = "UPDATE trail SET seq = next.n FROM (SELECT id, {last} + ROW_NUMBER() OVER (ORDER BY at, id) AS n FROM trail WHERE seq IS NULL \
     ORDER BY at, id LIMIT {most}) AS next WHERE trail.id = next.id";
