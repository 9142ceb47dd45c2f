//! The live state that all pods share, in Redis.
//!
//! Keys and the channel begin with the deployment's prefix and `:1:`; the number is the version of
//! the stored format. Every change is a single script or command, so it is atomic. Whether a
//! command took effect is unknown when its connection breaks, so nothing here is retried
//! automatically.

mod bus;
mod lines;
mod pack;
mod place;
mod script;
mod shared;

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use bb8_redis::{bb8, redis};
use countersign_ports::{
    Fault,
    time::{Clock, Time},
};
use countersign_protocol::ids::PodId;
use redis::{FromRedisValue, RedisError};
use tokio::runtime::Handle;

use lines::{Life, Lines, Manager, ThreadConnection, field};
pub use pack::{Pack, pack_map};
use place::Clients;
pub use place::{InvalidRedisUrl, Login, RedisUrl};
pub use script::{COUNTING, Keys, script};
use shared::Scripts;

/// The oldest supported major version: scripts must be replicated by their effects, not by their
/// text.
const OLDEST: u32 = 6;

/// The Redis adapter.
pub struct RedisKv {
    url: RedisUrl,
    prefix: Vec<u8>,
    lines: Arc<Lines>,
    clock: Arc<dyn Clock>,
    /// The id of this pod, once it has subscribed.
    pod: Arc<OnceLock<PodId>>,
    scripts: Scripts,
    /// Length of a second in milliseconds; tests use shorter ones.
    second: u64,
}

impl RedisKv {
    /// Connects. Each thread that uses Redis has its own connection; Sentinels are queried on `rt`.
    /// Deployments that share a Redis have different prefixes.
    ///
    /// # Errors
    /// When Redis cannot be reached, is too old, may evict keys, or is a replica.
    pub async fn open(
        url: &RedisUrl,
        prefix: &str,
        clock: Arc<dyn Clock>,
        rt: &Handle,
    ) -> Result<Self, Fault> {
        let prefix = format!("{prefix}:1:").into_bytes();
        let (clients, life) = (Arc::new(Clients::new(url, rt)?), Arc::new(Life::new(clock.clone(), &prefix)));
        let began = Instant::now();
        let manager = Manager { clients, life, began, epoch: Arc::default(), trouble: Arc::default() };
        // The first connection is made without the pool, which would retry before it reports an
        // error.
        bb8::ManageConnection::connect(&manager).await.map_err(|e| url.fault(&e))?;
        let kv = Self {
            url: url.clone(),
            prefix,
            lines: Arc::new(Lines::new(manager)),
            clock,
            pod: Arc::default(),
            scripts: Scripts::new(),
            second: 1000,
        };
        kv.examine().await?;
        Ok(kv)
    }

    /// Uses shorter seconds, for tests of what expires.
    #[must_use]
    pub fn with_second(self, length: Duration) -> Self {
        Self { second: u64::try_from(length.as_millis()).unwrap_or(1000).max(1), ..self }
    }

    /// Checks that this Redis evicts no keys, accepts writes, and is new enough.
    async fn examine(&self) -> Result<(), Fault> {
        let info: String = self.command(redis::cmd("INFO")).await?;
        let value = |name: &str| field(&info, name);
        let refuse = |why: String| Err(Fault::Unreachable(format!("Redis at {}: {why}", self.url)));
        let version = value("redis_version");
        if version
            .split('.')
            .next()
            .and_then(|major| major.parse::<u32>().ok())
            .is_none_or(|major| major < OLDEST)
        {
            return refuse(format!("version {version} is too old: from {OLDEST} on"));
        }
        let policy = value("maxmemory_policy");
        if policy != "noeviction" {
            return refuse(format!(
                "maxmemory-policy is {policy}; it must be noeviction, or limits and logins vanish when \
                    memory is short"
            ));
        }
        if value("role") != "master" {
            return refuse(lines::REPLICA.to_owned());
        }
        Ok(())
    }

    /// A key of this deployment.
    #[must_use]
    pub fn key(&self, parts: &[&[u8]]) -> Vec<u8> {
        [&self.prefix[..], &parts.concat()].concat()
    }

    /// Converts a lifetime from seconds, of which it has at least one, to milliseconds.
    #[must_use]
    pub fn millis(&self, secs: u64) -> u64 {
        secs.max(1).saturating_mul(self.second)
    }

    /// The current time, by the clock of this pod.
    #[must_use]
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Runs one command.
    ///
    /// # Errors
    /// When Redis cannot be reached, or returns an error.
    pub async fn command<T: FromRedisValue + Send + 'static>(&self, command: redis::Cmd) -> Result<T, Fault> {
        self.run(async move |held| command.query_async(&mut held.conn).await).await
    }

    async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&mut ThreadConnection) -> Result<T, RedisError>,
    ) -> Result<T, Fault> {
        let mut held = self.lines.get().await.map_err(|e| match e {
            bb8::RunError::User(e) => self.fault(&e),
            bb8::RunError::TimedOut => self.unreachable(),
        })?;
        let result = work(&mut held).await;
        if let Err(e) = &result {
            self.lines.judge(&held, e);
        }
        result.map_err(|e| self.fault(&e))
    }

    fn unreachable(&self) -> Fault {
        Fault::Unreachable(format!(
            "Redis at {}: {}",
            self.url,
            self.lines.trouble().unwrap_or_else(|| "no connection is free".to_owned())
        ))
    }

    fn fault(&self, e: &RedisError) -> Fault {
        self.url.fault(e)
    }
}
