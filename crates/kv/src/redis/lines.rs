//! Connections to Redis: one for each thread that asks.
//!
//! An answer that comes on the asker's own thread wakes no other thread first, and what several ask on one thread at a time goes out together.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, ThreadId},
    time::Duration,
};

use bb8_redis::{RedisConnectionManager, bb8, redis};
use countersign_domain::{ports::Clock, time::Time};
use redis::{RedisError, aio::MultiplexedConnection};
use tokio::time::timeout;

use super::place::{Clients, PATIENCE};

/// A connection, and the age of the world it was made in. Its clones are the same connection.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) conn: MultiplexedConnection,
    bad: Arc<AtomicBool>,
    epoch: u64,
}

impl Held {
    /// It is of no use any more: whoever asks next gets another one.
    pub(super) fn spoil(&self) {
        self.bad.store(true, Ordering::Release);
    }

    fn is_bad(&self) -> bool {
        self.bad.load(Ordering::Acquire)
    }
}

/// Which server it is that answers, and since when pods know it: by the id Redis gives itself at each start, and the one it gives its data when it becomes a master.
pub(super) struct Life {
    clock: Arc<dyn Clock>,
    /// What the server remembers of this begins so.
    prefix: Vec<u8>,
    now: Mutex<(String, Time)>,
}

/// How long a server remembers when it was met first.
const REMEMBERED: Duration = Duration::from_secs(30 * 86_400);

impl Life {
    pub(super) fn new(clock: Arc<dyn Clock>, prefix: &[u8]) -> Self {
        Self { now: Mutex::new((String::new(), clock.now())), clock, prefix: [prefix, b"met:"].concat() }
    }

    pub(super) fn since(&self) -> Time {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    /// Before the connection is used for anything else.
    async fn meet(&self, conn: &mut MultiplexedConnection) -> Result<(), RedisError> {
        let told: String = redis::cmd("INFO").query_async(conn).await?;
        let value = |name: &str| told.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default().trim();
        let id = format!("{}:{}", value("run_id"), value("master_replid"));
        if self.now.lock().unwrap_or_else(PoisonError::into_inner).0 == id {
            return Ok(());
        }
        // Whichever pod meets it first says since when; everything that it was told since, it was told as this master.
        let (key, life) = ([&self.prefix[..], id.as_bytes()].concat(), REMEMBERED.as_secs());
        let mut both = redis::pipe();
        both.cmd("SET").arg(&key).arg(self.clock.now().0).arg("NX").arg("EX").arg(life).ignore();
        both.cmd("GET").arg(&key);
        // One that cannot remember it, a replica or one that is full, is taken for new.
        let since = both.query_async(conn).await.map_or_else(|_| self.clock.now(), |(since,): (u64,)| Time(since));
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = (id, since);
        Ok(())
    }
}

/// What the connections of all threads have in common.
#[derive(Clone)]
pub(super) struct Manager {
    pub(super) clients: Arc<Clients>,
    /// Raised when a connection is lost: all older ones are suspected, and made anew before they are used.
    pub(super) epoch: Arc<AtomicU64>,
    pub(super) life: Arc<Life>,
    /// Why the last connection could not be made, if it could not.
    pub(super) trouble: Trouble,
}

pub(super) type Trouble = Arc<Mutex<Option<String>>>;

impl Manager {
    async fn make(&self) -> Result<Held, RedisError> {
        let epoch = self.epoch.load(Ordering::Acquire);
        let all = async {
            let info = self.clients.client().await?.get_connection_info().clone();
            // The task that drives a connection lives on the thread that makes it.
            let mut conn = bb8::ManageConnection::connect(&RedisConnectionManager::new(info)?).await?;
            conn.set_response_timeout(PATIENCE);
            self.life.meet(&mut conn).await?;
            Ok(Held { conn, bad: Arc::default(), epoch })
        };
        timeout(PATIENCE, all).await.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
    }
}

impl bb8::ManageConnection for Manager {
    type Connection = Held;
    type Error = RedisError;

    async fn connect(&self) -> Result<Held, RedisError> {
        let made = self.make().await;
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = made.as_ref().err().map(ToString::to_string);
        made
    }

    async fn is_valid(&self, held: &mut Held) -> Result<(), RedisError> {
        if !held.is_bad() && held.epoch == self.epoch.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe).into())
        }
    }

    fn has_broken(&self, held: &mut Held) -> bool {
        held.is_bad()
    }
}

/// For each thread that asks a pool of one, which makes its connection anew when it must.
pub(super) struct Lines {
    manager: Manager,
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
        let pool = bb8::Pool::builder().max_size(1).connection_timeout(PATIENCE).build_unchecked(self.manager.clone());
        self.pools.write().unwrap_or_else(PoisonError::into_inner).entry(me).or_insert(pool).clone()
    }

    /// This thread's connection; it is shared, not lent.
    pub(super) async fn get(&self) -> Result<Held, bb8::RunError<RedisError>> {
        let pool = self.mine();
        let held = pool.get().await?;
        Ok(Held::clone(&held))
    }

    /// Why there is none.
    pub(super) fn trouble(&self) -> Option<String> {
        self.manager.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
