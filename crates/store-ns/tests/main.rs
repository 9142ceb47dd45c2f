//! Tests of the store on real databases: SQLite, PostgreSQL, MariaDB.
#![expect(clippy::unwrap_used, reason = "tests")]

mod authority;
mod contract;
mod directory;
mod migrations;
mod races;
mod schema;
mod servers;
mod support;
