//! MariaDB and MySQL: counts by the status of the session.

use countersign_store::{
    pool::SqlServer,
    url::{DatabaseUrl, TlsOptions},
};
use diesel::{QueryableByName, sql_types::Text};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

use super::Words;
use crate::mysql::Conn;

pub(crate) const WORDS: Words =
    Words { id: "CAST(LPAD({}, 16, '0') AS BINARY)", bytes: "CAST({} AS BINARY)", no: "FALSE" };
pub(crate) const ANALYZE: &str =
    "ANALYZE TABLE trail, users, user_attributes, accounts, enrolments, api_keys, clients, holds, outcomes";

#[derive(QueryableByName)]
struct Status {
    #[diesel(sql_type = Text, column_name = "Value")]
    value: String,
}

pub(crate) async fn connect() -> Option<(Conn, ())> {
    let url: DatabaseUrl = countersign_testkit::mariadb()?.database().parse().unwrap();
    super::migrated(&url).await;
    let DatabaseUrl::Mysql(server) = &url else { unreachable!("{url}") };
    let (mut c, ()) = Conn::connect(server, &TlsOptions::default()).await.unwrap();
    c.batch_execute("SET innodb_lock_wait_timeout = 50").await.unwrap();
    Some((c, ()))
}

pub(crate) async fn begin(_: &mut Conn) {}

pub(crate) async fn end(_: &mut Conn) {}

/// The rows and the entries of indexes that this session has visited, with the few that counting
/// takes.
pub(crate) async fn visited(c: &mut Conn) -> i64 {
    let read: Vec<Status> =
        diesel::sql_query("SHOW SESSION STATUS LIKE 'Handler_read%'").load(c).await.unwrap();
    read.iter().map(|s| s.value.parse::<i64>().unwrap()).sum()
}
