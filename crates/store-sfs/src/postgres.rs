//! The query body, compiled for PostgreSQL.

use countersign_store::shared::postgres::{Conn, insert_new, lock};

#[path = "queries/mod.rs"]
pub(crate) mod q;
