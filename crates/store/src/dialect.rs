//! Where SQL differs between databases.

use diesel::{
    QueryResult,
    result::{DatabaseErrorKind, Error},
};

/// INSERT that leaves an existing row alone; gives the number of rows inserted (0 or 1). SQLite and
/// PostgreSQL.
#[macro_export]
macro_rules! insert_new_conflict {
    ($c:expr, $table:expr, $values:expr) => {
        diesel::insert_into($table).values($values).on_conflict_do_nothing().execute($c)
    };
}

/// The same for MySQL, whose `INSERT IGNORE` would let wrong values pass, too. A duplicate ends the
/// statement there, not the transaction.
#[macro_export]
macro_rules! insert_new_duplicate {
    ($c:expr, $table:expr, $values:expr) => {
        $crate::dialect::or_none(diesel::insert_into($table).values($values).execute($c))
    };
}

/// A duplicate is no row and no error.
///
/// # Errors
/// Any other.
pub async fn or_none(inserting: impl Future<Output = QueryResult<usize>>) -> QueryResult<usize> {
    match inserting.await {
        Err(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Ok(0),
        result => result,
    }
}

/// A row lock for read-then-write. SQLite has one writer and needs none.
#[macro_export]
macro_rules! lock_none {
    ($query:expr) => {
        $query
    };
}

/// The row is ours until the transaction ends, and is read as it is then. PostgreSQL and MySQL.
#[macro_export]
macro_rules! lock_for_update {
    ($query:expr) => {
        $query.for_update()
    };
}
