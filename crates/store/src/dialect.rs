//! Macros for what differs in SQL between databases.

use diesel::{
    QueryResult,
    result::{DatabaseErrorKind, Error},
};

/// Inserts a row, or leaves an existing one unchanged; returns the number of rows inserted (0 or
/// 1). For SQLite and PostgreSQL.
#[macro_export]
macro_rules! insert_new_conflict {
    ($c:expr, $table:expr, $values:expr) => {
        diesel::insert_into($table).values($values).on_conflict_do_nothing().execute($c)
    };
}

/// Does the same as `insert_new_conflict!` for MySQL, whose `INSERT IGNORE` would accept invalid
/// values, too. On MySQL a duplicate fails the statement, but not the transaction.
#[macro_export]
macro_rules! insert_new_duplicate {
    ($c:expr, $table:expr, $values:expr) => {
        $crate::dialect::or_none(diesel::insert_into($table).values($values).execute($c))
    };
}

/// Turns a duplicate key into `Ok(0)`: no row was inserted, and that is no error.
///
/// # Errors
/// Any other error of the statement.
pub async fn or_none(inserting: impl Future<Output = QueryResult<usize>>) -> QueryResult<usize> {
    match inserting.await {
        Err(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Ok(0),
        result => result,
    }
}

/// Locks rows that are read and then written. SQLite has one writer, so this does nothing there.
#[macro_export]
macro_rules! lock_none {
    ($query:expr) => {
        $query
    };
}

/// Locks the rows of a query until the transaction ends, and reads their latest committed state.
/// For PostgreSQL and MySQL.
#[macro_export]
macro_rules! lock_for_update {
    ($query:expr) => {
        $query.for_update()
    };
}
