//! The query body, compiled for PostgreSQL.

pub(crate) use countersign_store::{insert_new_conflict as insert_new, lock_for_update as lock, postgres::Conn};

/// Numbers unordered rows of the trail after `{last}`.
pub(crate) const ORDER_TRAIL: &str = crate::ORDER_WITH_FROM;

#[path = "queries/mod.rs"]
pub(crate) mod q;
