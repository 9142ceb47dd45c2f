//! The query body, compiled for PostgreSQL.

pub(crate) use countersign_store::shared::postgres::{self as shared, Conn, insert_new, lock};

#[path = "queries/mod.rs"]
pub(crate) mod q;
