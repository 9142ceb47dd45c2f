//! The query body, compiled for MySQL and MariaDB.

pub(crate) use countersign_store::shared::mysql::{self as shared, Conn, insert_new, lock};

#[path = "queries/mod.rs"]
pub(crate) mod q;
