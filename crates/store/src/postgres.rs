//! PostgreSQL 13 or newer.

use diesel::{QueryableByName, sql_types};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::{FutureExt, future::BoxFuture};
use tokio_postgres::{Config, NoTls, config::Host};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{
    StoreError,
    lite::JobResult,
    pool::SqlServer,
    tls,
    url::{DatabaseUrl, TlsMode, TlsOptions},
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
}

impl SqlServer for Conn {
    fn connect<'a>(url: &'a str, tls: &'a TlsOptions) -> BoxFuture<'a, JobResult<Self>> {
        async move {
            let place = DatabaseUrl::Postgres(url.to_owned());
            let open = |e: &dyn std::fmt::Display| StoreError::Open(format!("{place}: {e}"));
            let mut config: Config = url.parse().map_err(|e: tokio_postgres::Error| open(&reason(&e)))?;
            config
                .application_name("countersign")
                .connect_timeout(std::time::Duration::from_secs(5))
                .keepalives_idle(std::time::Duration::from_secs(30))
                .tcp_user_timeout(std::time::Duration::from_secs(15));
            let far = config.get_hosts().iter().find_map(|h| match h {
                Host::Tcp(name) => Some(name.as_str()),
                Host::Unix(_) => None,
            });
            let mode = tls.towards(far)?;
            let mut c = if mode == TlsMode::Off {
                config.ssl_mode(tokio_postgres::config::SslMode::Disable);
                let (client, connection) = config.connect(NoTls).await.map_err(|e| open(&reason(&e)))?;
                Self::try_from_client_and_connection(client, connection).await
            } else {
                config.ssl_mode(tokio_postgres::config::SslMode::Require);
                let with = MakeRustlsConnect::new(tls::client(mode, tls)?);
                let (client, connection) = config.connect(with).await.map_err(|e| open(&reason(&e)))?;
                Self::try_from_client_and_connection(client, connection).await
            }
            .map_err(|e| open(&e))?;
            c.batch_execute(SETUP).await.map_err(|e| open(&e))?;
            Ok(c)
        }
        .boxed()
    }

    fn examine(&mut self) -> BoxFuture<'_, JobResult<()>> {
        async move {
            let about: About = diesel::sql_query(
                "SELECT current_setting('server_version_num')::int / 10000 AS version, \
                 pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool AS read_only",
            )
            .get_result(self)
            .await?;
            if about.version < OLDEST {
                return Err(StoreError::Open(format!(
                    "PostgreSQL {} is too old: from \
                    {OLDEST} on",
                    about.version
                )));
            }
            if about.read_only {
                return Err(StoreError::Open(
                    "PostgreSQL takes no writes: it is a replica, or set read only; database.url must name \
                        the primary"
                        .to_owned(),
                ));
            }
            Ok(())
        }
        .boxed()
    }
}

/// The driver's error text with the innermost cause, without which it is often just "error
/// connecting to server".
fn reason(e: &tokio_postgres::Error) -> String {
    let mut innermost: &dyn std::error::Error = e;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let (outer, inner) = (e.to_string(), innermost.to_string());
    if outer.ends_with(&inner) { outer } else { format!("{outer}: {inner}") }
}
