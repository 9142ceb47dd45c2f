//! The address of Redis, and the clients made for it.

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use bb8_redis::redis;
use countersign_ports::Fault;
use countersign_server_url::{Host, Password, ServerUrl, UrlError};
use redis::{
    Client, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisConnectionInfo, RedisError,
    TlsCertificates, TlsMode,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use tokio::{runtime::Handle, sync::Mutex, task::JoinSet};

/// Timeout for connecting, and for one command.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// The URL of a Redis. Its text form shows neither user nor password.
///
/// * `redis://[user:password@]host[:port][/db]`, and `rediss://` for the same over TLS
/// * `redis+unix://[user:password@]/path/of/socket[?db=N]`
/// * `redis-sentinel://[user:password@]host[:port],host[:port]/SERVICE[/db]`, and
///   `rediss-sentinel://`; user and password are those of Redis
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    url: ServerUrl,
    db: i64,
    /// PEM of the CAs to trust instead of the public web CAs.
    ca: Option<Vec<u8>>,
    sentinel_login: Login,
}

/// User and password of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    pub user: Option<String>,
    pub password: Option<Password>,
}

/// Why a text is not the URL of a Redis. It contains nothing of a user or password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRedisUrl {
    #[error("the URL {0}")]
    Url(#[from] UrlError),
    #[error("the URL must have this form: {0}")]
    Form(&'static str),
    #[error("the number of a database is a whole number from 0 on: {0}")]
    Database(&'static str),
    #[error("names a user without a password, who would not be logged in: write user:password@")]
    NoPassword,
    #[error("a CA is for rediss:// and rediss-sentinel://")]
    NoTls,
    #[error("a login at Sentinels is for redis-sentinel:// and rediss-sentinel://")]
    NoSentinels,
}

const SCHEMES: [&str; 6] = ["redis", "rediss", "redis+unix", "unix", "redis-sentinel", "rediss-sentinel"];
const ONE: &str = "redis://[user:password@]host[:port][/db]";
const SOCKET: &str = "redis+unix://[user:password@]/path/of/socket[?db=N]";
const SENTINELS: &str = "redis-sentinel://[user:password@]host[:port],host[:port]/SERVICE[/db]";

/// What an error says. The driver tells a master that the Sentinels name, but that does not answer
/// as one, like a service that they do not know.
pub(super) fn said(e: &RedisError) -> String {
    match e.kind() {
        ErrorKind::MasterNameNotFoundBySentinel => {
            "the Sentinels name no master that answers: a failover is \
            under way, or they do not know the service that kv.url names"
                .to_owned()
        }
        _ => e.to_string(),
    }
}

impl FromStr for RedisUrl {
    type Err = InvalidRedisUrl;

    fn from_str(text: &str) -> Result<Self, InvalidRedisUrl> {
        let url = ServerUrl::parse(text, &SCHEMES)?;
        if url.user.is_some() && url.password.is_none() {
            return Err(InvalidRedisUrl::NoPassword);
        }
        let (form, db) = match url.scheme.as_str() {
            "redis+unix" | "unix" => {
                url.only_parameters(&["db"])?;
                let path = url.path.iter().any(|segment| !segment.is_empty());
                let form = url.hosts.is_empty() && path;
                (form.then_some(SOCKET).ok_or(InvalidRedisUrl::Form(SOCKET))?, url.parameter("db"))
            }
            "redis" | "rediss" => {
                url.only_parameters(&[])?;
                let form = matches!(&url.hosts[..], [one] if !one.is_socket());
                (form.then_some(ONE).ok_or(InvalidRedisUrl::Form(ONE))?, url.only_segment()?)
            }
            _ => {
                url.only_parameters(&[])?;
                let form = !url.hosts.is_empty() && !url.hosts.iter().any(Host::is_socket);
                let form = form && matches!(&url.path[..], [service] | [service, _] if !service.is_empty());
                let db = url.path.get(1).map(String::as_str).filter(|db| !db.is_empty());
                (form.then_some(SENTINELS).ok_or(InvalidRedisUrl::Form(SENTINELS))?, db)
            }
        };
        let db = db.map_or(Some(0), |db| db.parse().ok().filter(|db| *db >= 0));
        let db = db.ok_or(InvalidRedisUrl::Database(form))?;
        Ok(Self { url, db, ca: None, sentinel_login: Login::default() })
    }
}

impl RedisUrl {
    /// Trusts these CAs (PEM) instead of the public web CAs.
    ///
    /// # Errors
    /// When the URL does not use TLS, because the CAs would then have no effect.
    pub fn trusting(self, ca: Vec<u8>) -> Result<Self, InvalidRedisUrl> {
        if self.is_tls() { Ok(Self { ca: Some(ca), ..self }) } else { Err(InvalidRedisUrl::NoTls) }
    }

    /// Logs in at the Sentinels, which do not know the users of Redis.
    ///
    /// # Errors
    /// When the URL names no Sentinels.
    pub fn with_sentinel_login(self, sentinel_login: Login) -> Result<Self, InvalidRedisUrl> {
        if self.names_sentinels() || sentinel_login == Login::default() {
            Ok(Self { sentinel_login, ..self })
        } else {
            Err(InvalidRedisUrl::NoSentinels)
        }
    }

    fn is_tls(&self) -> bool {
        self.url.scheme.starts_with("rediss")
    }

    /// The fault that an error of this Redis is.
    pub(super) fn fault(&self, e: &RedisError) -> Fault {
        let hint = if self.is_tls() && e.is_timeout() { "; does that port speak TLS?" } else { "" };
        Fault::Unreachable(format!("Redis at {self}: {}{hint}", said(e)))
    }

    fn names_sentinels(&self) -> bool {
        self.url.scheme.ends_with("-sentinel")
    }

    fn address(&self, host: &Host, port: u16) -> ConnectionAddr {
        let (host, port) = (host.name.clone(), host.port.unwrap_or(port));
        if self.is_tls() {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        }
    }

    /// The address of a Redis that is not found by Sentinels, and what to say there first.
    fn connection(&self) -> Result<ConnectionInfo, RedisError> {
        let address = match self.url.hosts.first() {
            Some(host) => self.address(host, PORT),
            None => ConnectionAddr::Unix(PathBuf::from(format!("/{}", self.url.path.join("/")))),
        };
        let mut settings = RedisConnectionInfo::default().set_db(self.db);
        if let Some(user) = &self.url.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.url.password {
            settings = settings.set_password(password.expose());
        }
        Ok(address.into_connection_info()?.set_redis_settings(settings))
    }

    fn sentinels(&self) -> Result<SentinelClientBuilder, RedisError> {
        let sentinels = self.url.hosts.iter().map(|host| self.address(host, SENTINEL_PORT));
        let service = self.url.path.first().map_or("", String::as_str);
        let mut builder = SentinelClientBuilder::new(sentinels, service, SentinelServerType::Master)?
            .set_client_to_redis_db(self.db);
        if self.is_tls() {
            builder = builder
                .set_client_to_redis_tls_mode(TlsMode::Secure)
                .set_client_to_sentinel_tls_mode(TlsMode::Secure);
        }
        if let Some(certificates) = self.certificates() {
            builder = builder
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates);
        }
        if let Some(user) = &self.url.user {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = &self.url.password {
            builder = builder.set_client_to_redis_password(password.expose());
        }
        if let Some(user) = &self.sentinel_login.user {
            builder = builder.set_client_to_sentinel_username(user);
        }
        if let Some(password) = &self.sentinel_login.password {
            builder = builder.set_client_to_sentinel_password(password.expose());
        }
        Ok(builder)
    }

    fn certificates(&self) -> Option<TlsCertificates> {
        self.ca.clone().map(|pem| TlsCertificates { client_tls: None, root_cert: Some(pem) })
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Makes clients for this Redis. With Sentinels, each new connection asks them again for the
/// master.
pub(super) enum Clients {
    One(Box<ConnectionInfo>),
    /// The driver keeps connections to the Sentinels, which run on this runtime.
    Sentinels(Arc<Mutex<SentinelClient>>, Handle),
}

impl Clients {
    pub(super) fn new(url: &RedisUrl, rt: &Handle) -> Result<Self, Fault> {
        let bad = |e: RedisError| url.fault(&e);
        // The driver uses the process-wide cryptography provider. If one is installed already, it
        // is the same one.
        let _said_already = rustls::crypto::aws_lc_rs::default_provider().install_default();
        if url.names_sentinels() {
            let client = url.sentinels().and_then(SentinelClientBuilder::build).map_err(bad)?;
            return Ok(Self::Sentinels(Arc::new(Mutex::new(client)), rt.clone()));
        }
        let info = url.connection().map_err(bad)?;
        Ok(Self::One(Box::new(match url.certificates() {
            None => info,
            Some(those) => Client::build_with_tls(info, those).map_err(bad)?.get_connection_info().clone(),
        })))
    }

    pub(super) async fn client(&self) -> Result<Client, RedisError> {
        match self {
            Self::One(info) => Client::open(*info.clone()),
            Self::Sentinels(sentinels, rt) => {
                let sentinels = sentinels.clone();
                // The task is aborted when the caller gives up, so that it does not hold the lock
                // any longer.
                let mut asking = JoinSet::new();
                asking.spawn_on(async move { sentinels.lock().await.async_get_client().await }, rt);
                let gone = || Err(std::io::Error::from(std::io::ErrorKind::ConnectionAborted).into());
                asking.join_next().await.and_then(Result::ok).unwrap_or_else(gone)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> RedisUrl {
        url.parse().unwrap_or_else(|e| panic!("{url}: {e}"))
    }

    #[test]
    fn a_url_says_where_redis_is_and_shows_no_password() {
        for (url, shown) in [
            ("redis://127.0.0.1:6379/1", "redis://127.0.0.1:6379/1"),
            ("rediss://ns:secret@redis.example", "rediss://redis.example"),
            ("redis://:secret@[::1]:7", "redis://[::1]:7"),
            ("redis+unix://:secret@/run/redis.sock?db=2", "redis+unix:///run/redis.sock"),
            ("redis-sentinel://ns:secret@a:26379,b:26379/main/2", "redis-sentinel://a:26379,b:26379/main/2"),
            ("rediss-sentinel://:secret@a:26379/main", "rediss-sentinel://a:26379/main"),
        ] {
            let url = parse(url);
            assert_eq!(format!("{url} {url:?}"), format!("{shown} {shown}"));
        }
        for bad in [
            "",
            "localhost:6379",
            "http://ns:secret@a",
            "redis://",
            "redis://a,b",
            "redis://a/x",
            "redis://a/-1",
            "redis://a/0/1",
            "redis://a?db=1",
            "redis://a/0#insecure",
            "redis://:sec#ret@a",
            "redis+unix://a/run/redis.sock",
            "redis+unix://",
            "redis-sentinel://a:1",
            "redis-sentinel:///main",
            "rediss-sentinel://a:1/main/x",
            "redis-sentinel://a/main/0/1",
        ] {
            let said = bad.parse::<RedisUrl>().expect_err(bad).to_string();
            assert!(!said.contains("sec") && !said.contains("ret@"), "{said}");
        }
    }

    #[test]
    fn an_error_names_the_redis_and_what_may_be_wrong() {
        let said = |url: &str, e: RedisError| parse(url).fault(&e).to_string();
        let no_master =
            || (ErrorKind::MasterNameNotFoundBySentinel, "Master with given name not found").into();
        let told = said("redis-sentinel://ns:secret@a/main", no_master());
        assert!(
            told.contains("redis-sentinel://a/main: the Sentinels name no master that answers"),
            "{told}"
        );
        let late = || RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
        assert!(said("rediss://a", late()).ends_with("does that port speak TLS?"));
        assert!(!said("redis://a", late()).contains("TLS"));
    }

    #[test]
    fn each_form_becomes_what_the_driver_connects_to() {
        let info = parse("redis://n%40s:p%23w@h").connection().expect("fine");
        assert_eq!(*info.addr(), ConnectionAddr::Tcp("h".to_owned(), 6379));
        let settings = info.redis_settings();
        assert_eq!((settings.username(), settings.password(), settings.db()), (Some("n@s"), Some("p#w"), 0));
        let info = parse("redis+unix:///run/redis.sock?db=2").connection().expect("fine");
        assert_eq!(*info.addr(), ConnectionAddr::Unix("/run/redis.sock".into()));
        assert_eq!(info.redis_settings().db(), 2);
        let info = parse("rediss://[::1]/3").connection().expect("fine");
        assert!(matches!(info.addr(), ConnectionAddr::TcpTls { host, port: 6379, .. } if host == "::1"));
        let several = parse("redis-sentinel://a, b:7 ,[::1]/main");
        let ports: Vec<_> = several.url.hosts.iter().map(|h| several.address(h, SENTINEL_PORT)).collect();
        assert_eq!(ports[0], ConnectionAddr::Tcp("a".to_owned(), 26379));
        assert_eq!(ports[1], ConnectionAddr::Tcp("b".to_owned(), 7));
        assert_eq!(ports[2], ConnectionAddr::Tcp("::1".to_owned(), 26379));
        let login = || Login { user: None, password: Some(Password::new("x".to_owned())) };
        assert!(parse("redis://h").with_sentinel_login(login()).is_err());
        several.with_sentinel_login(login()).expect("they are Sentinels").sentinels().expect("fine");
    }
}
