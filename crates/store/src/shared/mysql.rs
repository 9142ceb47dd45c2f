//! What a service's query body needs for MySQL and MariaDB: the connection, the macros for what
//! differs in SQL, and the queries on the shared tables.

pub use crate::{insert_new_duplicate as insert_new, lock_for_update as lock, mysql::Conn};

const ORDER_TRAIL: &str = "UPDATE trail JOIN (SELECT id, {last} + ROW_NUMBER() OVER (ORDER BY at, id) AS n \
    FROM trail WHERE seq IS NULL \
     ORDER BY at, id LIMIT {most}) AS next ON trail.id = next.id SET trail.seq = next.n";

#[path = "queries.rs"]
mod queries;
pub use queries::*;
