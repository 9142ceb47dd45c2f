//! The query body, compiled for SQLite.

pub(crate) use countersign_store::{insert_new_conflict as insert_new, lite::Conn, lock_none as lock};

/// Numbers unordered rows of the trail after `{last}`.
pub(crate) const ORDER_TRAIL: &str = crate::ORDER_WITH_FROM;

#[path = "queries/mod.rs"]
pub(crate) mod q;
