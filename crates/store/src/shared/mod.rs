//! Tables that the database of every service has: the order of its trail, keyed requests, and
//! numbers such as the oldest schema a program must know. There is one query body, compiled once
//! for each database, as in each service's own store.

pub mod mysql;
pub mod postgres;
mod schema;
pub mod sqlite;

/// Numbers unordered rows of the trail, starting after `{last}`, on databases where UPDATE allows
/// FROM.
const ORDER_WITH_FROM: &str = "UPDATE trail SET seq = next.n FROM (SELECT id, {last} + ROW_NUMBER() OVER \
    (ORDER BY at, id) AS n FROM trail WHERE seq IS NULL \
     ORDER BY at, id LIMIT {most}) AS next WHERE trail.id = next.id";
