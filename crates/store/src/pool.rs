//! A pool of connections to a database server.
//!
//! Every job (the queries of one read, or of one transaction) runs as a task of the runtime that
//! also drives the connections. A job therefore switches threads once instead of once per
//! statement, and a job whose caller has gone away is completed instead of being cancelled halfway.
//!
//! A transaction that the server aborted (deadlock, serialization, a lost connection before COMMIT)
//! is retried from the beginning. One whose COMMIT got no answer is not retried, because it may
//! have been committed. Its caller repeats the request, which every write tolerates: the row
//! inserted first wins.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use countersign_server_url::ServerUrl;
use diesel_async::{AsyncConnection, TransactionManager};
use futures_util::future::BoxFuture;
use tokio::{runtime::Handle, time::timeout};

use crate::{
    StoreError,
    failure::Meaning,
    lite::{JobResult, Writing},
    url::TlsOptions,
};

/// Maximum number of jobs that wait or run; further ones get [`StoreError::Busy`].
const QUEUE: usize = 4096;
/// How long a job waits for a connection.
const CONNECTION: Duration = Duration::from_secs(5);
/// How long a health check waits for a connection.
const SOON: Duration = Duration::from_millis(700);
/// Maximum duration of a job, including retries. Statements have shorter limits of their own.
const JOB: Duration = Duration::from_secs(20);
/// Maximum number of attempts of a transaction.
const TRIES: u32 = 6;
/// Maximum number of attempts of a read. A connection that died while idle is noticed only when it
/// is used.
const READS: u32 = 3;
/// How long an idle connection lives.
const IDLE: Duration = Duration::from_secs(300);
/// How long any connection lives, so that after a failover none stays with the old server.
const LIFE: Duration = Duration::from_secs(1800);

/// A kind of database server.
pub trait SqlServer: AsyncConnection + Send + Sized + 'static {
    /// What is known of a connection beside the driver.
    type Seen: Send + Sync + 'static;

    /// Connects, and sets the session up.
    fn connect<'a>(url: &'a ServerUrl, tls: &'a TlsOptions) -> BoxFuture<'a, JobResult<(Self, Self::Seen)>>;

    /// What the last error of a connection means, when diesel has no kind for it.
    fn meaning(seen: &Self::Seen, text: &str) -> Meaning;

    /// Returns an error for a server that is too old, accepts no writes, or cannot store what we
    /// store.
    fn examine(&mut self) -> BoxFuture<'_, JobResult<()>>;

    /// Returns an error when a session's settings and locks do not stay with its connection.
    fn keeps_sessions<'a>(
        &'a mut self,
        seen: &'a Self::Seen,
        url: &'a ServerUrl,
        tls: &'a TlsOptions,
    ) -> BoxFuture<'a, JobResult<()>>;
}

/// A connection, and whether it must not be used again.
pub struct PooledConnection<C: SqlServer> {
    conn: C,
    seen: C::Seen,
    bad: bool,
}

impl<C: SqlServer> PooledConnection<C> {
    /// Decides what an error of this connection means.
    fn judge<T>(&self, result: Result<T, impl Into<StoreError>>) -> JobResult<T> {
        result.map_err(|e| e.into().judged(|text| C::meaning(&self.seen, text)))
    }
}

struct Manager<C> {
    url: Arc<ServerUrl>,
    tls: Arc<TlsOptions>,
    rt: Handle,
    trouble: Arc<Mutex<Option<StoreError>>>,
    kind: std::marker::PhantomData<fn() -> C>,
}

impl<C: SqlServer> bb8::ManageConnection for Manager<C> {
    type Connection = PooledConnection<C>;
    type Error = StoreError;

    async fn connect(&self) -> Result<PooledConnection<C>, StoreError> {
        let (url, tls) = (self.url.clone(), self.tls.clone());
        // The task that drives the connection runs on the runtime on which it was made.
        let made = self
            .rt
            .spawn(async move { C::connect(&url, &tls).await })
            .await
            .unwrap_or(Err(StoreError::Closed));
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = made.as_ref().err().cloned();
        let (conn, seen) = made?;
        Ok(PooledConnection { conn, seen, bad: false })
    }

    async fn is_valid(&self, _: &mut PooledConnection<C>) -> Result<(), StoreError> {
        Ok(())
    }

    fn has_broken(&self, held: &mut PooledConnection<C>) -> bool {
        held.bad
    }
}

#[derive(Default)]
struct Done {
    commits: AtomicU64,
    failed: AtomicU64,
    repeated: AtomicU64,
    under_way: AtomicUsize,
}

/// A job's slot among the [`QUEUE`] jobs that may be under way; dropping it frees the slot.
struct QueueSlot(Arc<Done>);

impl QueueSlot {
    fn take(done: &Arc<Done>) -> JobResult<Self> {
        let place = Self(done.clone());
        if done.under_way.fetch_add(1, Ordering::Relaxed) >= QUEUE {
            Err(StoreError::Busy)
        } else {
            Ok(place)
        }
    }
}

impl Drop for QueueSlot {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A pool of connections to one server.
pub struct Pool<C: SqlServer> {
    pool: bb8::Pool<Manager<C>>,
    rt: Handle,
    trouble: Arc<Mutex<Option<StoreError>>>,
    done: Arc<Done>,
}

impl<C: SqlServer> Clone for Pool<C> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            rt: self.rt.clone(),
            trouble: self.trouble.clone(),
            done: self.done.clone(),
        }
    }
}

impl<C: SqlServer> Pool<C> {
    /// Connects once, so that errors are reported now, and keeps up to `size` connections on `rt`.
    ///
    /// # Errors
    /// [`StoreError::Open`].
    pub async fn open(url: &ServerUrl, tls: &TlsOptions, size: u32, rt: &Handle) -> JobResult<Self> {
        let trouble = Arc::<Mutex<Option<StoreError>>>::default();
        let manager = Manager::<C> {
            url: Arc::new(url.clone()),
            tls: Arc::new(tls.clone()),
            rt: rt.clone(),
            trouble: trouble.clone(),
            kind: std::marker::PhantomData,
        };
        let pool = bb8::Pool::builder()
            .max_size(size.max(1))
            .connection_timeout(CONNECTION)
            .idle_timeout(Some(IDLE))
            .max_lifetime(Some(LIFE))
            .test_on_check_out(false)
            .build_unchecked(manager);
        // The first connection is made without the pool, which would retry before it reports an
        // error.
        let (url, tls) = (url.clone(), tls.clone());
        let first = rt.spawn(async move { examined::<C>(&url, &tls).await.map(drop) });
        first.await.unwrap_or(Err(StoreError::Closed))?;
        Ok(Self { pool, rt: rt.clone(), trouble, done: Arc::default() })
    }

    /// Checks that the server is new enough and accepts writes.
    ///
    /// # Errors
    /// [`StoreError::Open`] with the reason.
    pub async fn examine(&self) -> JobResult<()> {
        let pool = self.clone();
        self.job(async move {
            // A health check reports the current state; it does not wait for the server to recover.
            let mut held = timeout(SOON, pool.get())
                .await
                .unwrap_or_else(|_| Err(pool.trouble().unwrap_or(StoreError::Busy)))?;
            held.bad = true;
            let told = held.conn.examine().await;
            let told = held.judge(told);
            // A connection to a server that no longer accepts writes is dropped, so that the next
            // connection may reach its successor.
            held.bad = told.is_err();
            told
        })
        .await
    }

    /// Runs queries that only read.
    ///
    /// # Errors
    /// The error of the queries, or that the database is busy or unreachable.
    pub async fn read<T, F>(&self, work: F) -> JobResult<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut C) -> BoxFuture<'c, JobResult<T>> + Clone + Send + 'static,
    {
        let pool = self.clone();
        self.job(async move {
            let mut tries = 1;
            loop {
                let mut held = pool.get().await?;
                held.bad = true;
                let result = work.clone()(&mut held.conn).await;
                let result = held.judge(result);
                held.bad = matches!(result, Err(StoreError::Lost(_)));
                match result {
                    Err(StoreError::Again(_) | StoreError::Lost(_)) if tries < READS => tries += 1,
                    result => return result,
                }
            }
        })
        .await
    }

    /// Runs queries that read many rows, in the same way as [`Pool::read`].
    ///
    /// # Errors
    /// As [`Pool::read`].
    pub async fn scan<T, F>(&self, work: F) -> JobResult<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut C) -> BoxFuture<'c, JobResult<T>> + Clone + Send + 'static,
    {
        self.read(work).await
    }

    /// Runs queries that write, in one transaction that is committed when this returns.
    ///
    /// # Errors
    /// The error of the queries (nothing of theirs is written then), that the database is busy or
    /// unreachable, or that the COMMIT got no answer.
    pub async fn write<T, F>(&self, work: F) -> JobResult<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut C) -> BoxFuture<'c, JobResult<T>> + Clone + Send + 'static,
    {
        let pool = self.clone();
        let result = self
            .job(async move {
                let mut tries = 1;
                loop {
                    match pool.transaction(work.clone()).await {
                        Err(StoreError::Again(_) | StoreError::Lost(_) | StoreError::Collision(_))
                            if tries < TRIES =>
                        {
                            tokio::time::sleep(pool.pause(tries)).await
                        }
                        result => return result,
                    }
                    tries += 1;
                }
            })
            .await;
        let counter = if result.is_ok() { &self.done.commits } else { &self.done.failed };
        counter.fetch_add(1, Ordering::Relaxed);
        result
    }

    /// Counters of the writes so far. Each commit counts as one write, because the server itself
    /// groups commits.
    #[must_use]
    pub fn writing(&self) -> Writing {
        let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
        Writing {
            commits: read(&self.done.commits),
            writes: read(&self.done.commits),
            failed: read(&self.done.failed),
            waiting: self.done.under_way.load(Ordering::Relaxed),
        }
    }

    /// The delay before the next attempt. It differs between transactions, so that those that
    /// collided do not collide again at once.
    fn pause(&self, tries: u32) -> Duration {
        let nth = self.done.repeated.fetch_add(1, Ordering::Relaxed);
        Duration::from_millis((1 << tries) + nth * 7 % (4 << tries))
    }

    async fn job<T: Send + 'static>(
        &self,
        work: impl Future<Output = JobResult<T>> + Send + 'static,
    ) -> JobResult<T> {
        let place = QueueSlot::take(&self.done)?;
        let job = async move {
            let result = timeout(JOB, work).await;
            drop(place);
            result.unwrap_or_else(|_| Err(StoreError::Query(format!("no answer within {} s", JOB.as_secs()))))
        };
        self.rt.spawn(job).await.unwrap_or(Err(StoreError::Closed))
    }

    async fn get(&self) -> JobResult<bb8::PooledConnection<'_, Manager<C>>> {
        self.pool.get().await.map_err(|e| match e {
            bb8::RunError::User(e) => e,
            bb8::RunError::TimedOut => self.trouble().unwrap_or(StoreError::Busy),
        })
    }

    /// Why the last attempt to connect failed, if it failed.
    fn trouble(&self) -> Option<StoreError> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn transaction<T, F>(&self, work: F) -> JobResult<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut C) -> BoxFuture<'c, JobResult<T>> + Send + 'static,
    {
        let mut held = self.get().await?;
        held.bad = true;
        let begun = C::TransactionManager::begin_transaction(&mut held.conn).await;
        held.judge(begun)?;
        let result = work(&mut held.conn).await;
        let result = held.judge(result);
        #[cfg(feature = "faults")]
        let lost = crate::lite::faults::LOSE_COMMITS.load(Ordering::Relaxed);
        #[cfg(not(feature = "faults"))]
        let lost = false;
        if result.is_err() || lost {
            let undone = C::TransactionManager::rollback_transaction(&mut held.conn).await;
            held.bad = undone.is_err() || matches!(result, Err(StoreError::Lost(_)));
            return result;
        }
        let committed = C::TransactionManager::commit_transaction(&mut held.conn).await;
        match held.judge(committed) {
            Ok(()) => {
                held.bad = false;
                result
            }
            // Galera reports a conflict with another node here, as a deadlock.
            Err(StoreError::Again(why)) => Err(StoreError::Again(why)),
            Err(e) => Err(StoreError::Query(format!("whether it is committed is not known: {e}"))),
        }
    }
}

/// Connects to a server that can carry us.
pub(crate) async fn examined<C: SqlServer>(url: &ServerUrl, tls: &TlsOptions) -> JobResult<(C, C::Seen)> {
    let (mut conn, seen) = C::connect(url, tls).await?;
    // First, because where sessions are mixed any question may fail.
    conn.keeps_sessions(&seen, url, tls).await?;
    conn.examine().await.map_err(|e| e.judged(|text| C::meaning(&seen, text)))?;
    Ok((conn, seen))
}
