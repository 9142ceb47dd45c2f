//! What a service's query body needs for PostgreSQL: the connection, the macros for what differs in
//! SQL, and the queries on the shared tables.

pub use crate::{insert_new_conflict as insert_new, lock_for_update as lock, postgres::Conn};

const ORDER_TRAIL: &str = super::ORDER_WITH_FROM;

#[path = "queries.rs"]
mod queries;
pub use queries::*;
