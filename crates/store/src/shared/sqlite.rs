//! What a service's query body needs for SQLite: the connection, the macros for what differs in
//! SQL, and the queries on the shared tables.

pub use crate::{insert_new_conflict as insert_new, lite::Conn, lock_none as lock};

const ORDER_TRAIL: &str = super::ORDER_WITH_FROM;

#[path = "queries.rs"]
mod queries;
pub use queries::*;
