//! PostgreSQL: counts by the statistics of the transaction.

use countersign_store::{
    pool::SqlServer,
    url::{DatabaseUrl, TlsOptions},
};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

use super::{Count, Words};
use crate::postgres::Conn;

pub(crate) const WORDS: Words = Words {
    id: "convert_to(lpad(({})::text, 16, '0'), 'UTF8')",
    bytes: "convert_to({}, 'UTF8')",
    no: "false",
};
/// What a running server does by itself within a minute or so.
pub(crate) const ANALYZE: &str = "ANALYZE";

pub(crate) async fn connect() -> Option<(Conn, ())> {
    let url: DatabaseUrl = countersign_testkit::postgres()?.database().parse().unwrap();
    super::migrated(&url).await;
    let DatabaseUrl::Postgres(server) = &url else { unreachable!("{url}") };
    let (mut c, _) = Conn::connect(server, &TlsOptions::default()).await.unwrap();
    // What parallel workers visit is not counted in the leader's transaction.
    let setup = "SET statement_timeout = 0; SET synchronous_commit = off; \
        SET max_parallel_workers_per_gather = 0";
    c.batch_execute(setup).await.unwrap();
    Some((c, ()))
}

/// The statistics are those of a transaction.
pub(crate) async fn begin(c: &mut Conn) {
    c.batch_execute("BEGIN").await.unwrap();
}

pub(crate) async fn end(c: &mut Conn) {
    c.batch_execute("ROLLBACK").await.unwrap();
}

/// The rows and the entries of indexes that this transaction has visited.
pub(crate) async fn visited(c: &mut Conn) -> i64 {
    let count = "SELECT COALESCE(SUM(pg_stat_get_xact_tuples_returned(oid) + \
        pg_stat_get_xact_tuples_fetched(oid)), 0)::bigint AS n FROM pg_class \
        WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace";
    diesel::sql_query(count).get_result::<Count>(c).await.unwrap().n
}
