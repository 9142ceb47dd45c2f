#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![expect(clippy::duplicate_mod, reason = "one query body, compiled once for each database")]

mod database;
pub mod dialect;
pub mod lite;
pub mod migrate;
pub mod mysql;
pub mod pool;
pub mod postgres;
pub mod row;
pub mod shared;
mod tls;
pub mod url;

use countersign_ports::Fault;
pub use database::Database;

/// Why a database operation failed. The text is for logs and contains no values of rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened or reached.
    #[error("the database cannot be opened: {0}")]
    Open(String),
    /// The database returned an error.
    #[error("the database refused: {0}")]
    Query(String),
    /// Nothing was written, and a retry may succeed: a deadlock, a collision or a lost connection.
    #[error("the database gave up: {0}")]
    Again(String),
    /// A row contains values that this version of the program cannot interpret.
    #[error("row {row} of {table} cannot be read: {why}")]
    Row { table: &'static str, row: String, why: String },
    /// Too many jobs wait for the database, so this one is refused at once.
    #[error("the database is overloaded")]
    Busy,
    /// The threads of the database have ended.
    #[error("the database is closed")]
    Closed,
}

impl From<StoreError> for Fault {
    fn from(e: StoreError) -> Self {
        let text = e.to_string();
        match e {
            StoreError::Busy => Self::Busy(text),
            StoreError::Row { .. } => Self::Inconsistent(text),
            StoreError::Open(_) | StoreError::Query(_) | StoreError::Again(_) | StoreError::Closed => {
                Self::Unreachable(text)
            }
        }
    }
}

impl From<diesel::result::Error> for StoreError {
    fn from(e: diesel::result::Error) -> Self {
        use diesel::result::{
            DatabaseErrorKind::{ClosedConnection, SerializationFailure, UnableToSendCommand, Unknown},
            Error::{BrokenTransactionManager, DatabaseError},
        };
        // Diesel's texts name tables and constraints, never values. It has no kind for a deadlock,
        // so errors of an unknown kind are retried, too.
        match &e {
            DatabaseError(SerializationFailure | ClosedConnection | UnableToSendCommand | Unknown, _)
            | BrokenTransactionManager => Self::Again(e.to_string()),
            _ => Self::Query(e.to_string()),
        }
    }
}
