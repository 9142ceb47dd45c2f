//! The query body, compiled once per database: `super` supplies `Conn` and the macros for what
//! differs in SQL.
//!
//! Functions that write run inside a transaction of their caller and insert their own audit row.
//! RETURNING is not used, because MySQL does not have it: ids are made by the caller. A row counts
//! as changed only when the statement reports so. Others write at the same time, so what decides
//! about a write is read with `lock!`, or checked by the statement that writes.
//!
//! Statements are prepared once per connection, and PostgreSQL reuses one plan for all values after
//! a few executions. A row is therefore read by its key with `get_result`: `first` adds a LIMIT,
//! which makes that plan look worse than planning each time. Rows have `treat_none_as_default_value
//! = false`, because DEFAULT would make INSERTs different statements.

pub(crate) mod account_list;
pub(crate) mod accounts;
pub(crate) mod api_keys;
pub(crate) mod apps;
pub(crate) mod attributes;
pub(crate) mod clients;
pub(crate) mod enrolments;
pub(crate) mod erase;
pub(crate) mod factors;
pub(crate) mod holds;
pub(crate) mod logins;
pub(crate) mod realms;
pub(crate) mod roles;
pub(crate) mod trail;
pub(crate) mod user_list;
pub(crate) mod users;

pub(crate) use super::shared;
use super::{Conn, insert_new, lock};
use countersign_store::StoreError;

pub(crate) type Answer<T> = Result<T, StoreError>;

/// Maximum number of rows that one page of a list looks at, where a filter has no index of its own.
pub(crate) const WALK: i64 = 10_000;

/// Escapes the wildcards of `LIKE` with `!`, so that they stand for themselves.
fn literal(text: &str) -> String {
    text.chars().flat_map(|c| if matches!(c, '%' | '_' | '!') { vec!['!', c] } else { vec![c] }).collect()
}
