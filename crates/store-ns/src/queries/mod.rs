//! ONE body of query code, compiled once per database: `super` supplies `Conn` and the macros that differ in SQL.
//!
//! Functions that write run inside a transaction of their caller and insert their own audit row. RETURNING is not used (MySQL has none): ids are
//! made by the caller. A row counts as changed only when the statement says so. Others write at the same time: what is read in order to judge a write is
//! read with `lock!`, or judged by the statement that writes.

pub(crate) mod accounts;
pub(crate) mod api_keys;
pub(crate) mod apps;
pub(crate) mod attributes;
pub(crate) mod clients;
pub(crate) mod enrolments;
pub(crate) mod erase;
pub(crate) mod logins;
pub(crate) mod realms;
pub(crate) mod roles;
pub(crate) mod trail;
pub(crate) mod users;

use super::{Conn, ORDER_TRAIL, insert_new, lock};
use countersign_store::StoreError;

pub(crate) type Answer<T> = Result<T, StoreError>;

/// What `LIKE` would take for a pattern stands for itself, escaped with `!`.
fn literal(text: &str) -> String {
    text.chars().flat_map(|c| if matches!(c, '%' | '_' | '!') { vec!['!', c] } else { vec![c] }).collect()
}
