//! The query body, compiled for SQLite.

use countersign_store::shared::sqlite::{Conn, insert_new, lock};

#[path = "queries/mod.rs"]
pub(crate) mod q;
