#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![expect(clippy::duplicate_mod, reason = "one query body, compiled once for each database")]

mod database;
pub mod dialect;
mod failure;
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
pub use failure::Meaning;

/// Why a database operation failed. The text is for logs and contains no values of rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened or reached.
    #[error("the database cannot be opened: {0}")]
    Open(String),
    /// The database lacks something: disk, memory, time, the right to write.
    #[error("the database refused: {0}")]
    Query(String),
    /// Nothing was written, and the same transaction may succeed: a deadlock, a lock that was not
    /// free.
    #[error("the database gave up: {0}")]
    Again(String),
    /// Nothing was written, and the transaction may succeed on another connection.
    #[error("the connection to the database is lost: {0}")]
    Lost(String),
    /// A row collides with one that another transaction made, or belongs to one that another
    /// transaction removed. Repeated, the transaction sees that. When it does not, it is a bug.
    #[error("the database refused a row: {0}")]
    Collision(String),
    /// The database cannot store a value: it is too long, or contains what no text may.
    #[error("the database cannot store a value: {0}")]
    Rejected(String),
    /// The statement is wrong for this database: a bug, a missing privilege, or a schema that was
    /// changed by other hands.
    #[error("the database does not understand us: {0}")]
    Broken(String),
    /// Diesel has no kind for the error; what it means is decided where the database's kind is
    /// known.
    #[error("the database refused: {0}")]
    Unclassified(String),
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
            StoreError::Row { .. }
            | StoreError::Collision(_)
            | StoreError::Broken(_)
            | StoreError::Unclassified(_) => Self::Inconsistent(text),
            StoreError::Rejected(_) => Self::Rejected(text),
            StoreError::Open(_)
            | StoreError::Query(_)
            | StoreError::Again(_)
            | StoreError::Lost(_)
            | StoreError::Closed => Self::Unreachable(text),
        }
    }
}

impl From<diesel::result::Error> for StoreError {
    fn from(e: diesel::result::Error) -> Self {
        use diesel::result::{
            DatabaseErrorKind::{
                ClosedConnection, ForeignKeyViolation, ReadOnlyTransaction, SerializationFailure,
                UnableToSendCommand, UniqueViolation, Unknown,
            },
            Error::{BrokenTransactionManager, DatabaseError},
        };
        // The text names tables and constraints.
        let text = failure::without_values(&e.to_string());
        match e {
            DatabaseError(SerializationFailure, _) => Self::Again(text),
            // A server that has become a replica may have a successor, where another connection
            // leads.
            DatabaseError(ClosedConnection | UnableToSendCommand | ReadOnlyTransaction, _)
            | BrokenTransactionManager => Self::Lost(text),
            DatabaseError(UniqueViolation | ForeignKeyViolation, _) => Self::Collision(text),
            DatabaseError(Unknown, _) => Self::Unclassified(text),
            _ => Self::Broken(text),
        }
    }
}
