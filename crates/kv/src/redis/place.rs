//! Where Redis is, and connections to it.

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bb8_redis::{RedisConnectionManager, bb8, redis};
use countersign_domain::Fault;
use redis::{
    Client, ConnectionInfo, IntoConnectionInfo, RedisError,
    aio::MultiplexedConnection,
    sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType},
};
use tokio::{runtime::Handle, sync::Mutex, time::timeout};

/// To connect, and for one command.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// A Redis by URL: `redis://[user:password@]host[:port][/db]`, `rediss://…` for TLS, or `redis-sentinel://[user:password@]host:port,host:port/SERVICE[/db]`.
/// Its text shows no password.
#[derive(Clone)]
pub struct RedisUrl {
    shown: String,
    place: Place,
}

#[derive(Clone)]
enum Place {
    One(Box<ConnectionInfo>),
    Sentinels { sentinels: Vec<String>, service: String, user: Option<String>, password: Option<String>, db: i64 },
}

fn fault(shown: &str, e: &dyn fmt::Display) -> Fault {
    Fault(format!("Redis at {shown}: {e}"))
}

impl FromStr for RedisUrl {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let shown = without_password(text);
        if let Some(rest) = text.strip_prefix("redis-sentinel://") {
            return Ok(Self {
                place: sentinels(rest).ok_or_else(|| fault(&shown, &"must be redis-sentinel://host:port,host:port/SERVICE"))?,
                shown,
            });
        }
        if !text.starts_with("redis://") && !text.starts_with("rediss://") {
            return Err(fault(&shown, &"must begin with redis://, rediss:// or redis-sentinel://"));
        }
        let info = text.into_connection_info().map_err(|e| fault(&shown, &e))?;
        Ok(Self { shown, place: Place::One(Box::new(info)) })
    }
}

fn sentinels(rest: &str) -> Option<Place> {
    let (who, rest) = rest.rsplit_once('@').map_or((None, rest), |(who, rest)| (Some(who), rest));
    let mut parts = rest.split('/');
    let sentinels: Vec<String> = parts.next()?.split(',').filter(|s| !s.is_empty()).map(|s| format!("redis://{s}")).collect();
    let service = parts.next().filter(|s| !s.is_empty())?.to_owned();
    let db = parts.next().map_or(Some(0), |db| db.parse().ok())?;
    let (user, password) = match who.map(|who| who.split_once(':').unwrap_or(("", who))) {
        None => (None, None),
        Some((user, password)) => (Some(user.to_owned()).filter(|u| !u.is_empty()), Some(password.to_owned())),
    };
    (!sentinels.is_empty()).then_some(Place::Sentinels { sentinels, service, user, password, db })
}

/// Drops user, password and parameters.
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

/// How clients of this place are made: each connection asks anew who the master is.
pub(super) enum Clients {
    One(Box<ConnectionInfo>),
    Sentinels(Box<Mutex<SentinelClient>>),
}

impl Clients {
    pub(super) fn new(url: &RedisUrl) -> Result<Self, Fault> {
        Ok(match &url.place {
            Place::One(info) => Self::One(info.clone()),
            Place::Sentinels { sentinels, service, user, password, db } => {
                let mut inner = redis::RedisConnectionInfo::default().set_db(*db);
                if let Some(user) = user {
                    inner = inner.set_username(user);
                }
                if let Some(password) = password {
                    inner = inner.set_password(password);
                }
                let node = SentinelNodeConnectionInfo::default().set_redis_connection_info(inner);
                let client = SentinelClient::build(sentinels.clone(), service, Some(node), SentinelServerType::Master);
                Self::Sentinels(Box::new(Mutex::new(client.map_err(|e| fault(&url.shown, &e))?)))
            }
        })
    }

    pub(super) async fn client(&self) -> Result<Client, RedisError> {
        match self {
            Self::One(info) => Client::open(*info.clone()),
            Self::Sentinels(sentinels) => sentinels.lock().await.async_get_client().await,
        }
    }
}

/// A connection, and the age of the world it was made in.
pub(super) struct Held {
    pub(super) conn: MultiplexedConnection,
    pub(super) bad: bool,
    epoch: u64,
}

/// Connections for a pool. When one of them is lost, all older ones are suspected, and made anew before they are used.
pub(super) struct Manager {
    pub(super) clients: Arc<Clients>,
    pub(super) rt: Handle,
    pub(super) epoch: Arc<AtomicU64>,
    /// Why the last connection could not be made, if it could not.
    pub(super) trouble: Trouble,
}

pub(super) type Trouble = Arc<std::sync::Mutex<Option<String>>>;

impl Manager {
    async fn make(&self) -> Result<Held, RedisError> {
        let (clients, epoch) = (self.clients.clone(), self.epoch.load(Ordering::Acquire));
        // The task that drives a connection lives where it was made.
        let made = self.rt.spawn(async move {
            let info = clients.client().await?.get_connection_info().clone();
            bb8::ManageConnection::connect(&RedisConnectionManager::new(info)?).await
        });
        let gone = |_| RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
        let mut conn = timeout(PATIENCE, made).await.map_err(gone)?.map_err(|_| gone_with_the_runtime())??;
        conn.set_response_timeout(PATIENCE);
        Ok(Held { conn, bad: false, epoch })
    }
}

impl bb8::ManageConnection for Manager {
    type Connection = Held;
    type Error = RedisError;

    async fn connect(&self) -> Result<Held, RedisError> {
        let made = self.make().await;
        *self.trouble.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = made.as_ref().err().map(ToString::to_string);
        made
    }

    async fn is_valid(&self, held: &mut Held) -> Result<(), RedisError> {
        if held.epoch == self.epoch.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe).into())
        }
    }

    fn has_broken(&self, held: &mut Held) -> bool {
        held.bad
    }
}

fn gone_with_the_runtime() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::ConnectionAborted).into()
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
        ] {
            let url: RedisUrl = url.parse().expect("a URL");
            assert_eq!(format!("{url} {url:?}"), format!("{shown} {shown}"));
        }
        for bad in
            ["", "localhost:6379", "http://ns:secret@a", "redis-sentinel://a:1", "redis-sentinel:///main", "redis-sentinel://a/main/x"]
        {
            let said = bad.parse::<RedisUrl>().expect_err(bad).to_string();
            assert!(!said.contains("secret"), "{said}");
        }
    }
}
