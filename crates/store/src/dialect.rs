//! Where SQL differs between databases.

/// INSERT that leaves an existing row alone; gives the number of rows inserted (0 or 1). SQLite and PostgreSQL.
#[macro_export]
macro_rules! insert_new_conflict {
    ($c:expr, $table:expr, $values:expr) => {
        diesel::insert_into($table).values($values).on_conflict_do_nothing().execute($c)
    };
}

/// A row lock for read-then-write. SQLite has one writer and needs none.
#[macro_export]
macro_rules! lock_none {
    ($query:expr) => {
        $query
    };
}
