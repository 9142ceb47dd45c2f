//! Connections to Redis, one for each thread that uses it.
//!
//! A reply that arrives on the caller's own thread does not have to wake another thread first, and
//! commands that several tasks of one thread send at the same time go out together.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use bb8_redis::{RedisConnectionManager, bb8, redis};
use countersign_ports::time::{Clock, Time};
use redis::{RedisError, ServerErrorKind, aio::MultiplexedConnection};
use tokio::time::timeout;

use super::place::{Clients, PATIENCE, said};

/// A connection, and the epoch in which it was made. Clones share the same connection.
#[derive(Clone)]
pub(super) struct ThreadConnection {
    pub(super) conn: MultiplexedConnection,
    bad: Arc<AtomicBool>,
    /// When it was last used, in milliseconds since the manager was made.
    used: Arc<AtomicU64>,
    epoch: u64,
}

impl ThreadConnection {
    /// Marks the connection as unusable, so that the next caller gets another one.
    fn spoil(&self) {
        self.bad.store(true, Ordering::Release);
    }

    fn is_bad(&self) -> bool {
        self.bad.load(Ordering::Acquire)
    }
}

/// The identity of the current master, and the time from which pods have known it. The identity is
/// the id that Redis gives itself at each start and the id that it gives its data when it becomes a
/// master.
pub(super) struct Life {
    clock: Arc<dyn Clock>,
    /// Key prefix for what we store about this server.
    prefix: Vec<u8>,
    now: Mutex<(String, Time)>,
}

/// Why a replica is not used.
pub(super) const REPLICA: &str = "it is a replica, which takes no writes";

/// A connection that was idle for longer, in milliseconds, is tried before it is used.
const RESTED: u64 = 15_000;
/// How long it may take to answer.
const PING: Duration = Duration::from_millis(500);
/// How long Redis keeps the time at which pods first met it.
const REMEMBERED: Duration = Duration::from_secs(30 * 86_400);

impl Life {
    pub(super) fn new(clock: Arc<dyn Clock>, prefix: &[u8]) -> Self {
        Self { now: Mutex::new((String::new(), clock.now())), clock, prefix: [prefix, b"met:"].concat() }
    }

    pub(super) fn since(&self) -> Time {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    /// Identifies the server before the connection is used for anything else; fails for a replica.
    async fn meet(&self, conn: &mut MultiplexedConnection) -> Result<(), RedisError> {
        let info: String = redis::cmd("INFO").query_async(conn).await?;
        if field(&info, "role") == "slave" {
            return Err(std::io::Error::other(REPLICA).into());
        }
        let (run, data) = (field(&info, "run_id"), field(&info, "master_replid"));
        let id = format!("{run}:{data}");
        let known = self.now.lock().unwrap_or_else(PoisonError::into_inner).0.clone();
        // A server that does not report its ids may be a different one each time.
        let named = !run.is_empty() && !data.is_empty();
        if known == id && named {
            return Ok(());
        }
        let met = if named { self.remembered(conn, &id).await.ok() } else { None };
        // When this pod has just started, the time at which other pods first met this master
        // counts: all writes since then went to this master. When this pod has seen the master
        // change, the current time counts.
        let since = met.filter(|_| known.is_empty()).unwrap_or_else(|| self.clock.now());
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = (id, since);
        Ok(())
    }

    /// The time at which pods first met this master, which is now if none has before. A master that
    /// cannot store it, because it is full, is treated as new.
    async fn remembered(&self, conn: &mut MultiplexedConnection, id: &str) -> Result<Time, RedisError> {
        let (key, life) = ([&self.prefix[..], id.as_bytes()].concat(), REMEMBERED.as_secs());
        let mut both = redis::pipe();
        both.cmd("SET").arg(&key).arg(self.clock.now().0).arg("NX").arg("EX").arg(life).ignore();
        both.cmd("GET").arg(&key);
        let (since,): (u64,) = both.query_async(conn).await?;
        Ok(Time(since))
    }
}

/// The value of this field in the output of INFO; empty when it is missing.
pub(super) fn field<'a>(info: &'a str, name: &str) -> &'a str {
    info.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default().trim()
}

/// State shared by the connections of all threads.
#[derive(Clone)]
pub(super) struct Manager {
    pub(super) clients: Arc<Clients>,
    /// Raised when the subscription is lost, or the server is no longer the master. All older
    /// connections are then suspect and are replaced before they are used.
    pub(super) epoch: Arc<AtomicU64>,
    pub(super) life: Arc<Life>,
    pub(super) began: Instant,
    /// Why the last attempt to connect failed, if it failed.
    pub(super) trouble: Arc<Mutex<Option<String>>>,
}

impl Manager {
    /// Milliseconds since this was made.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn make(&self) -> Result<ThreadConnection, RedisError> {
        let epoch = self.epoch.load(Ordering::Acquire);
        let all = async {
            let info = self.clients.client().await?.get_connection_info().clone();
            // The task that drives a connection runs on the runtime of the thread that makes it.
            let mut conn = bb8::ManageConnection::connect(&RedisConnectionManager::new(info)?).await?;
            conn.set_response_timeout(PATIENCE);
            self.life.meet(&mut conn).await?;
            let used = Arc::new(AtomicU64::new(self.now()));
            Ok(ThreadConnection { conn, bad: Arc::default(), used, epoch })
        };
        timeout(PATIENCE, all)
            .await
            .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
    }
}

impl bb8::ManageConnection for Manager {
    type Connection = ThreadConnection;
    type Error = RedisError;

    async fn connect(&self) -> Result<ThreadConnection, RedisError> {
        let made = self.make().await;
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = made.as_ref().err().map(said);
        made
    }

    async fn is_valid(&self, held: &mut ThreadConnection) -> Result<(), RedisError> {
        if !held.is_bad() && held.epoch == self.epoch.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe).into())
        }
    }

    fn has_broken(&self, held: &mut ThreadConnection) -> bool {
        held.is_bad()
    }
}

/// A pool of one connection for each thread, which replaces the connection when it must. Entries
/// are never removed, because the number of a pod's threads does not change.
pub(super) struct Lines {
    pub(super) manager: Manager,
    pools: RwLock<HashMap<ThreadId, bb8::Pool<Manager>>>,
}

impl Lines {
    pub(super) fn new(manager: Manager) -> Self {
        Self { manager, pools: RwLock::default() }
    }

    fn mine(&self) -> bb8::Pool<Manager> {
        let me = thread::current().id();
        if let Some(there) = self.pools.read().unwrap_or_else(PoisonError::into_inner).get(&me) {
            return there.clone();
        }
        let pool = bb8::Pool::builder().max_size(1).connection_timeout(PATIENCE);
        // A connection lives until it is lost, so that connections made at the same time are not
        // all replaced at the same time.
        let pool = pool.max_lifetime(None).idle_timeout(None).build_unchecked(self.manager.clone());
        self.pools.write().unwrap_or_else(PoisonError::into_inner).entry(me).or_insert(pool).clone()
    }

    /// This thread's connection, shared with the thread's other tasks.
    pub(super) async fn get(&self) -> Result<ThreadConnection, bb8::RunError<RedisError>> {
        let pool = self.mine();
        let held = ThreadConnection::clone(&*pool.get().await?);
        let now = self.manager.now();
        if now.saturating_sub(held.used.swap(now, Ordering::Relaxed)) < RESTED {
            return Ok(held);
        }
        // Something on the way may have forgotten a connection that was idle. It is found out before
        // a command is sent, because afterwards nobody could tell whether the command has run.
        let mut conn = held.conn.clone();
        let answered = timeout(PING, redis::cmd("PING").query_async::<()>(&mut conn)).await;
        if matches!(answered, Ok(Ok(()))) {
            return Ok(held);
        }
        held.spoil();
        Ok(ThreadConnection::clone(&*pool.get().await?))
    }

    /// Decides from an error whether this connection, or all connections, must be replaced.
    pub(super) fn judge(&self, held: &ThreadConnection, e: &RedisError) {
        if lost(e) {
            held.spoil();
        }
        if deposed(e) {
            // Threads that only read would not notice, so their connections are replaced, too. The
            // epoch is raised only once, however many replies contain this error.
            let _done_already = self.manager.epoch.compare_exchange(
                held.epoch,
                held.epoch + 1,
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
        }
    }

    /// Why the last attempt to connect failed, if it failed.
    pub(super) fn trouble(&self) -> Option<String> {
        self.manager.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whether the connection, or the server behind it, can no longer be used.
fn lost(e: &RedisError) -> bool {
    use redis::ErrorKind::Server;
    e.is_io_error()
        || e.is_timeout()
        || e.is_connection_dropped()
        || e.is_unrecoverable_error()
        || deposed(e)
        || matches!(e.kind(), Server(ServerErrorKind::BusyLoading))
}

/// Whether the server is no longer the master.
fn deposed(e: &RedisError) -> bool {
    // Redis 6 wraps an error that a script ran into, so it is found only in the detail.
    matches!(e.kind(), redis::ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown))
        || e.detail().is_some_and(|detail| detail.contains("-READONLY"))
}
