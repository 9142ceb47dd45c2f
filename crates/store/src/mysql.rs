//! MariaDB 10.6 or newer, and MySQL 8.0 or newer.

use diesel::{QueryableByName, sql_types};
use diesel_async::{AsyncMysqlConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::{FutureExt, future::BoxFuture};
use mysql_async::{ClientIdentity, Opts, OptsBuilder, SslOpts};

use crate::{
    StoreError,
    lite::JobResult,
    pool::SqlServer,
    tls,
    url::{DatabaseUrl, TlsMode, TlsOptions},
};

pub type Conn = AsyncMysqlConnection;

/// Settings of a session: transactions see what others have committed, as on the other databases; a
/// value that does not fit is an error instead of being truncated; a statement waits at most 5 s
/// for a lock.
const SETUP: [&str; 2] = [
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO', SESSION \
        innodb_lock_wait_timeout = 5",
];

#[derive(QueryableByName)]
struct About {
    #[diesel(sql_type = sql_types::Text)]
    version: String,
    #[diesel(sql_type = sql_types::Bool)]
    read_only: bool,
}

impl SqlServer for Conn {
    fn connect<'a>(url: &'a str, tls: &'a TlsOptions) -> BoxFuture<'a, JobResult<Self>> {
        async move {
            let place = DatabaseUrl::Mysql(url.to_owned());
            let open = |e: &dyn std::fmt::Display| StoreError::Open(format!("{place}: {e}"));
            let given = Opts::from_url(url).map_err(|e| open(&e))?;
            let far = given.socket().is_none().then(|| given.ip_or_hostname().to_owned());
            let mode = tls.towards(far.as_deref())?;
            // An UPDATE counts the rows it found, even those it left unchanged, as on the other
            // databases.
            let mut opts = OptsBuilder::from_opts(given)
                .client_found_rows(true)
                .tcp_keepalive(Some(30_000_u32))
                .prefer_socket(false);
            // Diesel caches prepared statements. A second cache below it would close statements
            // that Diesel still uses.
            opts = opts.stmt_cache_size(0);
            if mode != TlsMode::Off {
                opts = opts.ssl_opts(ssl(mode, tls)?);
            }
            let connecting =
                tokio::time::timeout(std::time::Duration::from_secs(5), mysql_async::Conn::new(opts));
            let conn = connecting.await.map_err(|_| open(&"no answer within 5 s"))?.map_err(|e| open(&e))?;
            let mut c = Self::try_from(conn).await.map_err(|e| open(&e))?;
            for set in SETUP {
                c.batch_execute(set).await.map_err(|e| open(&e))?;
            }
            Ok(c)
        }
        .boxed()
    }

    fn examine(&mut self) -> BoxFuture<'_, JobResult<()>> {
        async move {
            let about: About = diesel::sql_query(
                "SELECT VERSION() AS version, @@global.read_only OR \
                    @@global.innodb_read_only AS read_only",
            )
            .get_result(self)
            .await?;
            if too_old(&about.version) {
                return Err(StoreError::Open(format!(
                    "{} is too old: MariaDB from 10.6 on, MySQL from \
                    8.0 on",
                    about.version
                )));
            }
            if about.read_only {
                return Err(StoreError::Open(
                    "the database takes no writes: it is a replica, or set read only; database.url must \
                        name the primary"
                        .to_owned(),
                ));
            }
            Ok(())
        }
        .boxed()
    }
}

fn ssl(mode: TlsMode, tls: &TlsOptions) -> Result<SslOpts, StoreError> {
    let mut ssl = SslOpts::default()
        .with_danger_accept_invalid_certs(mode == TlsMode::Require)
        .with_danger_skip_domain_validation(mode != TlsMode::VerifyFull)
        .with_disable_built_in_roots(tls.ca.is_some());
    if let Some(ca) = &tls.ca {
        tls::certificates(ca)?;
        ssl = ssl.with_root_certs(vec![ca.clone().into()]);
    }
    if let Some((chain, key)) = &tls.identity {
        let pem =
            std::fs::read_to_string(key).map_err(|e| StoreError::Open(format!("{}: {e}", key.display())))?;
        if !pem.contains("BEGIN RSA PRIVATE KEY") {
            return Err(StoreError::Open(format!(
                "{}: for MySQL the key must be RSA in PKCS#1 (`openssl rsa -traditional`)",
                key.display()
            )));
        }
        ssl = ssl.with_client_identity(Some(ClientIdentity::new(chain.clone().into(), key.clone().into())));
    }
    Ok(ssl)
}

/// Whether a version is too old. Versions look like `10.11.6-MariaDB-…`, `8.0.36`, and, for old
/// clients, `5.5.5-10.11.6-MariaDB`.
fn too_old(version: &str) -> bool {
    let version = version.strip_prefix("5.5.5-").unwrap_or(version);
    let mut numbers = version.split(['.', '-']).map_while(|n| n.parse::<u32>().ok());
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    found < if version.contains("MariaDB") { (10, 6) } else { (8, 0) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn versions_are_read_as_the_servers_write_them() {
        for new in [
            "10.11.6-MariaDB-0+deb12u1",
            "5.5.5-10.6.1-MariaDB",
            "11.4.2-MariaDB",
            "8.0.36",
            "8.4.0-commercial",
            "9.0.1",
        ] {
            assert!(!super::too_old(new), "{new}");
        }
        for old in ["10.5.9-MariaDB", "5.5.5-10.3.1-MariaDB", "5.7.44-log", ""] {
            assert!(super::too_old(old), "{old}");
        }
    }
}
