#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod dialect;
pub mod lite;
pub mod migrate;

/// Why the database did not do what was asked. The text is for logs and holds no values of rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It cannot be opened or reached.
    #[error("the database cannot be opened: {0}")]
    Open(String),
    /// It answered with an error.
    #[error("the database refused: {0}")]
    Query(String),
    /// A row makes no sense to this version of the program.
    #[error("row {row} of {table} cannot be read: {why}")]
    Row { table: &'static str, row: String, why: String },
    /// So much waits for the database that this is refused at once.
    #[error("the database is overloaded")]
    Busy,
    /// The threads of the database have ended.
    #[error("the database is closed")]
    Closed,
}

impl From<diesel::result::Error> for StoreError {
    fn from(e: diesel::result::Error) -> Self {
        // Diesel's texts name tables and constraints, never values.
        Self::Query(e.to_string())
    }
}
