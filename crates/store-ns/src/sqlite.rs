//! The query body, compiled for SQLite.

pub(crate) use countersign_store::{insert_new_conflict as insert_new, lite::Conn};

#[path = "queries/mod.rs"]
pub(crate) mod q;
