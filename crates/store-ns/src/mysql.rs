//! The query body, compiled for MySQL and MariaDB.

pub(crate) use countersign_store::shared::mysql::{self as shared, Conn, insert_new, lock};

#[path = "queries/mod.rs"]
pub(crate) mod q;

#[cfg(test)]
use crate::growth::mariadb as server;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
#[path = "growth/tests.rs"]
mod growth;
