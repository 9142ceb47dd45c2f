//! MariaDB 10.6 or newer, and MySQL 8.0 or newer.

use countersign_server_url::ServerUrl;
use diesel::{QueryableByName, sql_types};
use diesel_async::{AsyncMysqlConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::{FutureExt, future::BoxFuture};
use mysql_async::{ClientIdentity, OptsBuilder, SslOpts};

use crate::{
    StoreError,
    failure::{self, Meaning, without_values},
    lite::JobResult,
    pool::SqlServer,
    tls,
    url::{TlsMode, TlsOptions},
};

pub type Conn = AsyncMysqlConnection;

/// Settings of a session: transactions see what others have committed, as on the other databases; a
/// value that does not fit is an error instead of being truncated; a statement waits at most 5 s
/// for a lock; errors are in English, because their meaning is told by their text.
const SETUP: [&str; 2] = [
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO', SESSION \
        innodb_lock_wait_timeout = 5, SESSION lc_messages = 'en_US'",
];
const PORT: u16 = 3306;

#[derive(QueryableByName)]
struct About {
    #[diesel(sql_type = sql_types::Text)]
    version: String,
    #[diesel(sql_type = sql_types::Bool)]
    read_only: bool,
}

#[derive(QueryableByName)]
struct Variable {
    #[diesel(sql_type = sql_types::Text, column_name = "Variable_name")]
    name: String,
    #[diesel(sql_type = sql_types::Text, column_name = "Value")]
    value: String,
}

/// The smallest `max_allowed_packet` that takes our largest row.
const PACKET: u64 = 1 << 20;

impl SqlServer for Conn {
    type Seen = ();

    fn connect<'a>(url: &'a ServerUrl, tls: &'a TlsOptions) -> BoxFuture<'a, JobResult<(Self, ())>> {
        async move {
            let open = |e: &dyn std::fmt::Display| {
                StoreError::Open(format!("{url}: {}", without_values(&e.to_string())))
            };
            let connecting = tokio::time::timeout(
                std::time::Duration::from_secs(5),
                mysql_async::Conn::new(opts(url, tls)?),
            );
            let conn = connecting.await.map_err(|_| open(&"no answer within 5 s"))?.map_err(|e| open(&e))?;
            let mut c = Self::try_from(conn).await.map_err(|e| open(&e))?;
            for set in SETUP {
                c.batch_execute(set).await.map_err(|e| open(&e))?;
            }
            Ok((c, ()))
        }
        .boxed()
    }

    fn meaning((): &(), text: &str) -> Meaning {
        failure::of_mysql(text)
    }

    fn examine(&mut self) -> BoxFuture<'_, JobResult<()>> {
        async move {
            let about: About = diesel::sql_query(
                "SELECT VERSION() AS version, @@global.read_only OR \
                    @@global.innodb_read_only AS read_only",
            )
            .get_result(self)
            .await?;
            let refuse = |why: String| Err(StoreError::Open(why));
            if too_old(&about.version) {
                return refuse(format!(
                    "{} is too old: MariaDB from 10.6 on, MySQL from 8.0 on",
                    about.version
                ));
            }
            if about.read_only {
                return refuse(
                    "the database takes no writes: it is a replica, or set read only; database.url must \
                        name the primary"
                        .to_owned(),
                );
            }
            let found: Vec<Variable> = diesel::sql_query(
                "SHOW SESSION VARIABLES WHERE Variable_name IN ('binlog_format', 'log_bin', \
                    'max_allowed_packet', 'default_storage_engine')",
            )
            .load(self)
            .await?;
            unsuitable(|name| found.iter().find(|v| v.name == name).map_or("", |v| v.value.as_str()))
                .map_or(Ok(()), refuse)
        }
        .boxed()
    }

    fn keeps_sessions<'a>(
        &'a mut self,
        (): &'a (),
        _: &'a ServerUrl,
        _: &'a TlsOptions,
    ) -> BoxFuture<'a, JobResult<()>> {
        // Proxies of MySQL give a session to one server for as long as it holds a lock or has
        // prepared statements.
        std::future::ready(Ok(())).boxed()
    }
}

/// Why these settings of a server cannot carry us; `None` if they can.
fn unsuitable<'a>(setting: impl Fn(&str) -> &'a str) -> Option<String> {
    if setting("log_bin") == "ON" && setting("binlog_format") == "STATEMENT" {
        return Some(
            "the server writes a binary log of statements, which refuses transactions that read committed \
                rows; set binlog_format = ROW (or MIXED)"
                .to_owned(),
        );
    }
    let engine = setting("default_storage_engine");
    if !engine.is_empty() && engine != "InnoDB" {
        return Some(format!(
            "the server makes tables with the engine {engine}, which has no transactions; set \
                default_storage_engine = InnoDB"
        ));
    }
    if setting("max_allowed_packet").parse().is_ok_and(|packet: u64| packet < PACKET) {
        return Some(format!("max_allowed_packet is too small; set at least {PACKET}"));
    }
    None
}

fn opts(url: &ServerUrl, tls: &TlsOptions) -> JobResult<OptsBuilder> {
    // An UPDATE counts the rows it found, even those it left unchanged, as on the other databases.
    // Diesel caches prepared statements: a second cache below it would close statements that Diesel
    // still uses.
    let mut opts = OptsBuilder::default()
        .user(url.user.clone())
        .pass(url.password.as_ref().map(|password| password.expose().to_owned()))
        .db_name(url.only_segment().ok().flatten())
        .client_found_rows(true)
        .tcp_keepalive(Some(30_000_u32))
        .tcp_nodelay(true)
        .prefer_socket(false)
        .stmt_cache_size(0);
    let host = url.hosts.as_slice().first();
    let socket = url.parameter("socket").or(host.filter(|h| h.is_socket()).map(|h| h.name.as_str()));
    if let Some(socket) = socket {
        return Ok(opts.socket(Some(socket)));
    }
    let Some(host) = host else { return Ok(opts) };
    opts = opts.ip_or_hostname(&host.name).tcp_port(host.port.unwrap_or(PORT));
    let mode = tls.towards(Some(&host.name))?;
    Ok(if mode == TlsMode::Off { opts } else { opts.ssl_opts(ssl(mode, tls)?) })
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
    fn servers_that_cannot_carry_us_are_told_what_to_change() {
        let with = |name: &'static str, value: &'static str| {
            super::unsuitable(move |asked| match asked {
                asked if asked == name => value,
                "log_bin" => "ON",
                "binlog_format" => "ROW",
                "default_storage_engine" => "InnoDB",
                "max_allowed_packet" => "16777216",
                _ => "",
            })
        };
        assert_eq!(with("", ""), None);
        for (name, value) in [
            ("binlog_format", "STATEMENT"),
            ("default_storage_engine", "MyISAM"),
            ("max_allowed_packet", "1024"),
        ] {
            assert!(with(name, value).is_some_and(|why| why.contains(name)), "{name}");
        }
    }

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
