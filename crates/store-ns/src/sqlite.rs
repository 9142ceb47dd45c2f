//! The query body, compiled for SQLite.

pub(crate) use countersign_store::shared::sqlite::{self as shared, Conn, insert_new, lock};

#[path = "queries/mod.rs"]
pub(crate) mod q;

#[cfg(test)]
use crate::growth::sqlite as server;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
#[path = "growth/tests.rs"]
mod growth;
