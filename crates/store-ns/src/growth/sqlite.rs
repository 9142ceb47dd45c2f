//! SQLite: counts the steps of its virtual machine.

use countersign_store::url::DatabaseUrl;
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};

use super::{Count, Words};
use crate::sqlite::Conn;

/// Looking at a row takes at least about this many steps.
const STEPS: i64 = 6;

pub(crate) const WORDS: Words =
    Words { id: "CAST(printf('%016d', {}) AS BLOB)", bytes: "CAST({} AS BLOB)", no: "0" };
/// SQLite is never told how large its tables are.
pub(crate) const ANALYZE: &str = "";

pub(crate) async fn connect() -> Option<(Conn, tempfile::TempDir)> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ns.db");
    super::migrated(&DatabaseUrl::Sqlite(path.clone())).await;
    let mut c = Conn::establish(path.to_str().unwrap()).await.unwrap();
    let quick = "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; PRAGMA cache_size = -400000";
    c.batch_execute(quick).await.unwrap();
    Some((c, dir))
}

pub(crate) async fn begin(_: &mut Conn) {}

pub(crate) async fn end(_: &mut Conn) {}

/// The rows visited by all statements that the connection has prepared.
pub(crate) async fn visited(c: &mut Conn) -> i64 {
    let steps = "SELECT COALESCE(SUM(nstep), 0) AS n FROM sqlite_stmt WHERE sql NOT LIKE '%sqlite_stmt%'";
    diesel::sql_query(steps).get_result::<Count>(c).await.unwrap().n / STEPS
}
