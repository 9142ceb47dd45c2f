//! Where SQL differs between databases.

/// INSERT that leaves an existing row alone; gives the number of rows inserted (0 or 1). SQLite and PostgreSQL.
#[macro_export]
macro_rules! insert_new_conflict {
    ($c:expr, $table:expr, $values:expr) => {
        diesel::insert_into($table).values($values).on_conflict_do_nothing().execute($c)
    };
}

/// The same for MySQL, whose `INSERT IGNORE` would let wrong values pass, too. A duplicate ends the statement there, not the transaction.
#[macro_export]
macro_rules! insert_new_duplicate {
    ($c:expr, $table:expr, $values:expr) => {
        async {
            match diesel::insert_into($table).values($values).execute($c).await {
                Err(diesel::result::Error::DatabaseError(diesel::result::DatabaseErrorKind::UniqueViolation, _)) => Ok(0),
                result => result,
            }
        }
    };
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
