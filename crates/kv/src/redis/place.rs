//! The address of Redis, and the clients made for it.

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use bb8_redis::redis;
use countersign_ports::Fault;
use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError, TlsCertificates, TlsMode,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use tokio::{runtime::Handle, sync::Mutex, task::JoinSet};

/// Timeout for connecting, and for one command.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// The URL of a Redis: `redis://[user:password@]host[:port][/db]` or
/// `redis-sentinel://[user:password@]host:port,host:port/SERVICE[/db]`; `rediss://` and
/// `rediss-sentinel://` are the same over TLS. Its text form shows no password.
#[derive(Clone)]
pub struct RedisUrl {
    shown: String,
    place: RedisPlace,
    /// PEM of the CAs to trust instead of the public web CAs.
    ca: Option<Vec<u8>>,
}

#[derive(Clone)]
enum RedisPlace {
    One(Box<ConnectionInfo>),
    Sentinels {
        sentinels: Vec<(String, u16)>,
        service: String,
        user: Option<String>,
        password: Option<String>,
        db: i64,
        tls: bool,
    },
}

fn fault(shown: &str, e: &dyn fmt::Display) -> Fault {
    Fault::Unreachable(format!("Redis at {shown}: {e}"))
}

impl FromStr for RedisUrl {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let shown = without_password(text);
        for (scheme, tls) in [("redis-sentinel://", false), ("rediss-sentinel://", true)] {
            if let Some(rest) = text.strip_prefix(scheme) {
                let place = sentinels(rest, tls)
                    .ok_or_else(|| fault(&shown, &format!("must be {scheme}host:port,host:port/SERVICE")))?;
                return Ok(Self { place, shown, ca: None });
            }
        }
        if !text.starts_with("redis://") && !text.starts_with("rediss://") {
            return Err(fault(
                &shown,
                &"must begin with redis://, rediss://, redis-sentinel:// or rediss-sentinel://",
            ));
        }
        let info = text.into_connection_info().map_err(|e| fault(&shown, &e))?;
        Ok(Self { shown, place: RedisPlace::One(Box::new(info)), ca: None })
    }
}

impl RedisUrl {
    /// Trusts these CAs (PEM) instead of the public web CAs.
    ///
    /// # Errors
    /// When the URL does not use TLS, because the CAs would then have no effect.
    pub fn trusting(self, ca: Vec<u8>) -> Result<Self, Fault> {
        let tls = match &self.place {
            RedisPlace::One(info) => matches!(info.addr(), ConnectionAddr::TcpTls { .. }),
            RedisPlace::Sentinels { tls, .. } => *tls,
        };
        if tls {
            Ok(Self { ca: Some(ca), ..self })
        } else {
            Err(fault(&self.shown, &"a CA is for rediss:// and rediss-sentinel://"))
        }
    }
}

fn sentinels(rest: &str, tls: bool) -> Option<RedisPlace> {
    let (who, rest) = rest.rsplit_once('@').map_or((None, rest), |(who, rest)| (Some(who), rest));
    let mut parts = rest.split('/');
    let place =
        |s: &str| s.rsplit_once(':').and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
    let sentinels: Vec<(String, u16)> =
        parts.next()?.split(',').filter(|s| !s.is_empty()).map(place).collect::<Option<_>>()?;
    let service = parts.next().filter(|s| !s.is_empty())?.to_owned();
    let db = parts.next().map_or(Some(0), |db| db.parse().ok())?;
    let (user, password) = match who.map(|who| who.split_once(':').unwrap_or(("", who))) {
        None => (None, None),
        Some((user, password)) => {
            (Some(user.to_owned()).filter(|u| !u.is_empty()), Some(password.to_owned()))
        }
    };
    (!sentinels.is_empty()).then_some(RedisPlace::Sentinels { sentinels, service, user, password, db, tls })
}

/// Removes user, password and parameters.
fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}://{}", rest.rsplit_once('@').map_or(rest, |(_, place)| place))
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
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
        let bad = |e: RedisError| fault(&url.shown, &e);
        // The driver uses the process-wide cryptography provider. If one is installed already, it
        // is the same one.
        let _said_already = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let certificates =
            url.ca.as_ref().map(|pem| TlsCertificates { client_tls: None, root_cert: Some(pem.clone()) });
        Ok(match &url.place {
            RedisPlace::One(info) => match certificates {
                None => Self::One(info.clone()),
                Some(those) => Self::One(Box::new(
                    Client::build_with_tls(*info.clone(), those).map_err(bad)?.get_connection_info().clone(),
                )),
            },
            RedisPlace::Sentinels { sentinels, service, user, password, db, tls } => {
                let addr = |(host, port): &(String, u16)| match *tls {
                    false => ConnectionAddr::Tcp(host.clone(), *port),
                    true => ConnectionAddr::TcpTls {
                        host: host.clone(),
                        port: *port,
                        insecure: false,
                        tls_params: None,
                    },
                };
                let mut builder = SentinelClientBuilder::new(
                    sentinels.iter().map(addr),
                    service,
                    SentinelServerType::Master,
                )
                .map_err(bad)?;
                builder = builder.set_client_to_redis_db(*db);
                if *tls {
                    builder = builder
                        .set_client_to_redis_tls_mode(TlsMode::Secure)
                        .set_client_to_sentinel_tls_mode(TlsMode::Secure);
                }
                if let Some(those) = certificates {
                    builder = builder
                        .set_client_to_redis_certificates(those.clone())
                        .set_client_to_sentinel_certificates(those);
                }
                if let Some(user) = user {
                    builder = builder.set_client_to_redis_username(user);
                }
                if let Some(password) = password {
                    builder = builder.set_client_to_redis_password(password);
                }
                Self::Sentinels(Arc::new(Mutex::new(builder.build().map_err(bad)?)), rt.clone())
            }
        })
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

    #[test]
    fn a_url_says_where_redis_is_and_shows_no_password() {
        for (url, shown) in [
            ("redis://127.0.0.1:6379/1", "redis://127.0.0.1:6379/1"),
            ("rediss://ns:secret@redis.example", "rediss://redis.example"),
            ("redis-sentinel://ns:secret@a:26379,b:26379/main/2", "redis-sentinel://a:26379,b:26379/main/2"),
            ("rediss-sentinel://:secret@a:26379/main", "rediss-sentinel://a:26379/main"),
        ] {
            let url: RedisUrl = url.parse().expect("a URL");
            assert_eq!(format!("{url} {url:?}"), format!("{shown} {shown}"));
        }
        for bad in [
            "",
            "localhost:6379",
            "http://ns:secret@a",
            "redis-sentinel://a:1",
            "redis-sentinel:///main",
            "rediss-sentinel://a:1/main/x",
            "redis-sentinel://a/main",
        ] {
            let said = bad.parse::<RedisUrl>().expect_err(bad).to_string();
            assert!(!said.contains("secret"), "{said}");
        }
    }
}
