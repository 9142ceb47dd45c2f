//! Opens connections: to each host of the URL in turn, until one is a primary.

use std::{io, time::Duration};

use countersign_server_url::{Host, ServerUrl};
use diesel_async::AsyncPgConnection;
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream, lookup_host},
    time::timeout,
};
use tokio_postgres::{Config, NoTls, config::SslMode, tls::MakeTlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::watched::{Seen, Watched, WatchedTls};
use crate::{
    StoreError,
    failure::without_values,
    lite::JobResult,
    pool::SqlServer,
    tls,
    url::{TlsMode, TlsOptions},
};

const PORT: u16 = 5432;
/// Maximum time to open a connection to one host.
const PATIENCE: Duration = Duration::from_secs(5);
/// A connection that answers nothing for this long while something was sent is closed.
const UNANSWERED: Duration = Duration::from_secs(15);
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Why a host was not used.
pub(super) struct NotThere(pub(super) String);

impl<E: std::fmt::Display> From<E> for NotThere {
    fn from(e: E) -> Self {
        Self(e.to_string())
    }
}

/// The hosts of a URL. A unix socket may be named as its host, or as the parameter `host`.
pub(super) fn hosts(url: &ServerUrl) -> Vec<Host> {
    if !url.hosts.is_empty() {
        return url.hosts.clone();
    }
    let named = url.parameter("host").unwrap_or("localhost");
    vec![Host { name: named.to_owned(), port: None }]
}

fn config(url: &ServerUrl) -> Config {
    let mut config = Config::new();
    config.application_name(url.parameter("application_name").unwrap_or("countersign"));
    if let Some(user) = &url.user {
        config.user(user);
    }
    if let Some(password) = &url.password {
        config.password(password.expose());
    }
    if let Ok(Some(name)) = url.only_segment() {
        config.dbname(name);
    }
    if let Some(options) = url.parameter("options") {
        config.options(options);
    }
    config
}

/// Connects to this host.
pub(super) async fn connect(
    url: &ServerUrl,
    host: &Host,
    options: &TlsOptions,
) -> Result<(AsyncPgConnection, Seen), NotThere> {
    timeout(PATIENCE, async {
        let port = host.port.unwrap_or(PORT);
        if host.is_socket() {
            let path = format!("{}/.s.PGSQL.{port}", host.name.trim_end_matches('/'));
            let stream = UnixStream::connect(&path).await.map_err(|e| format!("{path}: {e}"))?;
            // A unix socket does not leave the machine, and PostgreSQL offers no TLS on it.
            return start(stream, config(url), host, TlsMode::Off, options).await;
        }
        let mode = options.towards(Some(&host.name)).map_err(|e| match e {
            StoreError::Open(why) => why,
            other => other.to_string(),
        })?;
        start(tcp(&host.name, port).await?, config(url), host, mode, options).await
    })
    .await
    .unwrap_or_else(|_| Err(NotThere(format!("no answer within {} s", PATIENCE.as_secs()))))
}

async fn tcp(name: &str, port: u16) -> Result<TcpStream, io::Error> {
    let mut last = io::Error::other("the name has no address");
    for address in lookup_host((name, port)).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                let socket = SockRef::from(&stream);
                socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEP_ALIVE))?;
                socket.set_tcp_user_timeout(Some(UNANSWERED))?;
                return Ok(stream);
            }
            Err(e) => last = e,
        }
    }
    Err(last)
}

async fn start<S>(
    stream: S,
    mut config: Config,
    host: &Host,
    mode: TlsMode,
    options: &TlsOptions,
) -> Result<(AsyncPgConnection, Seen), NotThere>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let seen = Seen::default();
    let client = if mode == TlsMode::Off {
        config.ssl_mode(SslMode::Disable);
        let stream = Watched::new(stream, seen.clone());
        let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(|e| reason(&e))?;
        tokio::spawn(connection);
        client
    } else {
        config.ssl_mode(SslMode::Require);
        let mut tls = MakeRustlsConnect::new(tls::client(mode, options).map_err(|e| match e {
            StoreError::Open(why) => why,
            other => other.to_string(),
        })?);
        let connector = MakeTlsConnect::<S>::make_tls_connect(&mut tls, &host.name)?;
        let connector = WatchedTls { connector, seen: seen.clone() };
        let (client, connection) = config.connect_raw(stream, connector).await.map_err(|e| reason(&e))?;
        tokio::spawn(connection);
        client
    };
    Ok((AsyncPgConnection::try_from(client).await?, seen))
}

/// The driver's error text with the innermost cause, without which it is often just "error
/// connecting to server".
fn reason(e: &tokio_postgres::Error) -> String {
    let mut innermost: &dyn std::error::Error = e;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let (outer, inner) = (e.to_string(), innermost.to_string());
    without_values(&if outer.ends_with(&inner) { outer } else { format!("{outer}: {inner}") })
}

/// For [`JobResult`]s of callers.
pub(super) fn open(url: &ServerUrl, NotThere(why): NotThere) -> StoreError {
    StoreError::Open(format!("{url}: {why}"))
}

/// The first connection that can be made; among several hosts, the first to a primary.
pub(super) async fn first_primary(
    url: &ServerUrl,
    options: &TlsOptions,
) -> JobResult<(AsyncPgConnection, Seen)> {
    let hosts = hosts(url);
    let mut last = StoreError::Open(format!("{url}: no host"));
    for host in &hosts {
        let mut found = match connect(url, host, options).await {
            Ok(found) => found,
            Err(e) => {
                last = open(url, e);
                continue;
            }
        };
        let examined = if hosts.len() > 1 { found.0.examine().await } else { Ok(()) };
        match examined {
            Ok(()) => return Ok(found),
            Err(e) => last = e,
        }
    }
    Err(last)
}
