//! The query body, compiled for MySQL and MariaDB.

pub(crate) use countersign_store::{insert_new_duplicate as insert_new, lock_for_update as lock, mysql::Conn};

/// Numbers unordered rows of the trail after `{last}`.
pub(crate) const ORDER_TRAIL: &str = "UPDATE trail JOIN (SELECT id, {last} + ROW_NUMBER() OVER (ORDER BY at, id) AS n FROM trail WHERE seq IS NULL \
     ORDER BY at, id LIMIT {most}) AS next ON trail.id = next.id SET trail.seq = next.n";

#[path = "queries/mod.rs"]
pub(crate) mod q;
