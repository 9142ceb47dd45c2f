//! PostgreSQL 13 or newer.

mod analyze;
mod connect;
mod watched;

use countersign_server_url::ServerUrl;
use diesel::{QueryableByName, sql_types};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::{FutureExt, future::BoxFuture};

pub(crate) use self::analyze::analyze_unknown;
pub use self::watched::Seen;
use crate::{
    StoreError,
    failure::{self, Meaning},
    lite::JobResult,
    pool::SqlServer,
    url::TlsOptions,
};

pub type Conn = AsyncPgConnection;

const OLDEST: i32 = 13;
/// Settings of a session, with times in milliseconds. A COMMIT returns only when it is on the
/// server's disk; a stricter setting of the server stays.
const SETUP: &str = "SET TIME ZONE 'UTC'; SET default_transaction_isolation = 'read committed'; SET \
    statement_timeout = 10000; SET lock_timeout = 5000; \
     SET idle_in_transaction_session_timeout = 15000; \
     SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN \
     ('off', 'local');";

#[derive(QueryableByName)]
struct About {
    #[diesel(sql_type = sql_types::Integer)]
    version: i32,
    #[diesel(sql_type = sql_types::Bool)]
    read_only: bool,
    #[diesel(sql_type = sql_types::Text)]
    encoding: String,
}

#[derive(QueryableByName)]
struct Process {
    #[diesel(sql_type = sql_types::Integer)]
    id: i32,
}

impl SqlServer for Conn {
    type Seen = Seen;

    fn connect<'a>(url: &'a ServerUrl, tls: &'a TlsOptions) -> BoxFuture<'a, JobResult<(Self, Seen)>> {
        async move {
            let (mut c, seen) = connect::first_primary(url, tls).await?;
            c.batch_execute(SETUP).await.map_err(|e| StoreError::Open(format!("{url}: {e}")))?;
            Ok((c, seen))
        }
        .boxed()
    }

    fn meaning(seen: &Seen, _: &str) -> Meaning {
        failure::of_sqlstate(&seen.code())
    }

    fn examine(&mut self) -> BoxFuture<'_, JobResult<()>> {
        async move {
            let about: About = diesel::sql_query(
                "SELECT current_setting('server_version_num')::int / 10000 AS version, \
                 pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool AS read_only, \
                 current_setting('server_encoding') AS encoding",
            )
            .get_result(self)
            .await?;
            let refuse = |why: String| Err(StoreError::Open(why));
            if about.version < OLDEST {
                return refuse(format!("PostgreSQL {} is too old: from {OLDEST} on", about.version));
            }
            if about.read_only {
                return refuse(
                    "PostgreSQL takes no writes: it is a replica, or set read only; database.url must name \
                        the primary"
                        .to_owned(),
                );
            }
            if about.encoding != "UTF8" {
                return refuse(format!(
                    "the database's encoding is {}, which cannot store every text; create it with \
                        CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
                    about.encoding
                ));
            }
            Ok(())
        }
        .boxed()
    }

    /// A pooler in transaction mode gives each transaction to another process, where the settings
    /// above, prepared statements and locks of this session do not exist.
    fn keeps_sessions<'a>(
        &'a mut self,
        seen: &'a Seen,
        url: &'a ServerUrl,
        tls: &'a TlsOptions,
    ) -> BoxFuture<'a, JobResult<()>> {
        async move {
            match same_process(self, seen, url, tls).await {
                Ok(true) => Ok(()),
                // A statement that was prepared a moment ago is another process's.
                Err(e) if e.to_string().contains("prepared statement \"") => Err(mixed(url)),
                Ok(false) => Err(mixed(url)),
                Err(e) => Err(e),
            }
        }
        .boxed()
    }
}

fn mixed(url: &ServerUrl) -> StoreError {
    StoreError::Open(format!(
        "{url}: a pooler between here and PostgreSQL gives each transaction to another session; \
            set pool_mode = session for this database, or name PostgreSQL itself"
    ))
}

/// Whether this session stays with its process while another session comes and goes, as it does
/// without a pooler and behind one in session mode.
async fn same_process(c: &mut Conn, seen: &Seen, url: &ServerUrl, tls: &TlsOptions) -> JobResult<bool> {
    if process(c).await? == seen.process() {
        return Ok(true);
    }
    let (mut other, _) = Conn::connect(url, tls).await?;
    c.batch_execute("BEGIN").await?;
    let mine = process(c).await?;
    let theirs = process(&mut other).await;
    c.batch_execute("COMMIT").await?;
    let (Ok(theirs), later) = (theirs, process(&mut other).await?) else { return Ok(false) };
    Ok(mine != theirs && theirs == later && process(c).await? == mine)
}

async fn process(c: &mut Conn) -> JobResult<u32> {
    let process: Process = diesel::sql_query("SELECT pg_backend_pid() AS id").get_result(c).await?;
    Ok(u32::try_from(process.id).unwrap_or(0))
}
