//! ONE body of query code, compiled once per database: `super` supplies `Conn` and the macros that
//! differ in SQL.
//!
//! Functions that write run inside a transaction of their caller and insert their own audit row.
//! RETURNING is not used (MySQL has none): ids are made by the caller. A row counts as changed only
//! when the statement says so. Others write at the same time: what is read in order to judge a
//! write is read with `lock!`, or judged by the statement that writes.
//!
//! Statements are prepared once a connection, and PostgreSQL stops planning them when it has seen a
//! few. So a row by its key is `get_result`: `first` adds a LIMIT, which makes its plan for all
//! values look worse than planning each time. And rows say `treat_none_as_default_value = false`:
//! with DEFAULT each INSERT would be another statement.

pub(crate) mod accounts;
pub(crate) mod api_keys;
pub(crate) mod apps;
pub(crate) mod attributes;
pub(crate) mod clients;
pub(crate) mod enrolments;
pub(crate) mod erase;
pub(crate) mod holds;
pub(crate) mod logins;
pub(crate) mod realms;
pub(crate) mod roles;
pub(crate) mod trail;
pub(crate) mod users;

pub(crate) use super::shared;
use super::{Conn, insert_new, lock};
use countersign_store::StoreError;

pub(crate) type Answer<T> = Result<T, StoreError>;

/// What `LIKE` would take for a pattern stands for itself, escaped with `!`.
fn literal(text: &str) -> String {
    text.chars().flat_map(|c| if matches!(c, '%' | '_' | '!') { vec!['!', c] } else { vec![c] }).collect()
}
