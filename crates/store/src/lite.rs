//! SQLite behind a group-commit writer.
//!
//! One small durable write takes longer than all the cryptography of a login, because it waits for
//! the disk. Writes are therefore queued for one thread, which takes all that are waiting, runs
//! them in one `BEGIN IMMEDIATE … COMMIT`, and answers each only after the commit. Each write has
//! its own savepoint, so one that fails does not affect the others.
//!
//! Queries are written for diesel-async, whose SQLite connection moves every statement to another
//! thread. Here the whole job already runs on a thread that may block, so [`Inline`] runs
//! statements in place: one thread switch per job instead of one per statement.
//!
//! Point reads do not switch threads at all, because waking a thread and being woken by it costs
//! several times as much as the read (ADR 0006). They run on a connection of the calling thread,
//! which never waits for a lock. A point read that would have to wait, and every read of many rows,
//! goes to a reading thread.

use std::{
    cell::RefCell,
    error::Error,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
};

use diesel::{
    Connection, QueryResult, QueryableByName, RunQueryDsl, SqliteConnection, connection::SimpleConnection,
    sql_query, sql_types,
};
use diesel_async::{
    AsyncConnection, SimpleAsyncConnection,
    sync_connection_wrapper::{SpawnBlocking, SyncConnectionWrapper},
};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::{mpsc, oneshot};

use crate::{StoreError, failure};

/// Maximum number of writes in one commit.
const BATCH: usize = 256;
/// Maximum number of jobs in the queue of a thread; further ones get [`StoreError::Busy`].
const QUEUE: usize = 4096;
/// How long a database thread waits for a lock, in milliseconds.
const WAIT_MS: u32 = 5000;

/// Runs "blocking" work in place, on the current thread. For connections of database threads, which
/// may block, and for point reads, which never wait for a lock.
pub struct Inline;

impl SpawnBlocking for Inline {
    fn spawn_blocking<'a, R>(
        &mut self,
        task: impl FnOnce() -> R + Send + 'static,
    ) -> BoxFuture<'a, Result<R, Box<dyn Error + Send + Sync + 'static>>>
    where
        R: Send + 'static,
    {
        std::future::ready(Ok(task())).boxed()
    }
    fn get_runtime() -> Self {
        Self
    }
}

/// Moves the contents of the write-ahead log into the database file of a database that is not in
/// use, so that the one file is complete.
///
/// # Errors
/// When the database cannot be used, or another program has it open.
pub fn into_one_file(path: &Path) -> Result<(), StoreError> {
    let open = |e: &dyn std::fmt::Display| StoreError::Open(format!("{}: {e}", path.display()));
    let mut c = SqliteConnection::establish(&path.to_string_lossy()).map_err(|e| open(&e))?;
    // The last process to close a database removes the log; a process that was killed leaves it
    // behind.
    c.batch_execute("PRAGMA busy_timeout=2000; PRAGMA synchronous=FULL;").map_err(|e| open(&e))?;
    // A checkpoint that another connection blocks is not an error; the result row reports it.
    let done: Checkpoint =
        sql_query("PRAGMA wal_checkpoint(TRUNCATE)").get_result(&mut c).map_err(|e| open(&e))?;
    if done.busy == 0 { Ok(()) } else { Err(open(&"another program has it open")) }
}

#[derive(QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = sql_types::Integer)]
    busy: i32,
}

/// The connection that query code uses.
pub type Conn = SyncConnectionWrapper<SqliteConnection, Inline>;

/// Result of a job: what its queries return, or the error of the queries or the database.
pub type JobResult<T> = Result<T, StoreError>;

trait Job: Send {
    /// Runs the queries; returns true when they succeeded.
    fn run<'a>(&'a mut self, c: &'a mut Conn) -> BoxFuture<'a, bool>;
    /// Sends the result to the caller. `committed` is an error when the whole batch was lost.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Task<T, F> {
    work: Option<F>,
    result: Option<JobResult<T>>,
    asker: oneshot::Sender<JobResult<T>>,
}

impl<T, F> Job for Task<T, F>
where
    T: Send,
    F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, JobResult<T>> + Send,
{
    fn run<'a>(&'a mut self, c: &'a mut Conn) -> BoxFuture<'a, bool> {
        async move {
            let Some(work) = self.work.take() else { return false };
            let result = work(c).await;
            let fine = result.is_ok();
            self.result = Some(result);
            fine
        }
        .boxed()
    }
    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let result = self.result.unwrap_or(Err(StoreError::Closed));
        // A caller that has gone away does not need the answer.
        let _ = self.asker.send(committed.and(result));
    }
}

/// Counters of completed, failed and waiting writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Writing {
    /// Committed transactions.
    pub commits: u64,
    /// Writes in committed transactions.
    pub writes: u64,
    /// Transactions that failed, each with all its writes.
    pub failed: u64,
    /// Writes that wait; for a database server, all jobs that wait or run.
    pub waiting: usize,
}

/// Counters that the writer updates.
#[derive(Default)]
struct Done {
    commits: AtomicU64,
    writes: AtomicU64,
    failed: AtomicU64,
}

/// A SQLite database with one writing thread and several reading threads.
#[derive(Clone)]
pub struct Lite {
    done: Arc<Done>,
    writer: mpsc::Sender<Box<dyn Job>>,
    readers: Arc<[mpsc::Sender<Box<dyn Job>>]>,
    next: Arc<AtomicUsize>,
    path: Arc<Path>,
}

thread_local! {
    /// This thread's own connections, by file.
    static OWN: RefCell<Vec<(Arc<Path>, Conn)>> = const { RefCell::new(Vec::new()) };
}

impl Lite {
    /// Opens the file with one writer and `readers` reading threads.
    ///
    /// # Errors
    /// [`StoreError::Open`].
    pub fn open(path: &Path, readers: usize) -> Result<Self, StoreError> {
        let done = Arc::<Done>::default();
        let start = |name: String, writes: bool| -> Result<mpsc::Sender<Box<dyn Job>>, StoreError> {
            let mut conn = connect(path, WAIT_MS)?;
            let (tx, rx) = mpsc::channel(QUEUE);
            let done = done.clone();
            let run = move || {
                block_on(async move {
                    if writes {
                        write_loop(&mut conn, rx, &done).await
                    } else {
                        read_loop(&mut conn, rx).await
                    }
                })
            };
            thread::Builder::new().name(name).spawn(run).map_err(|e| StoreError::Open(e.to_string()))?;
            Ok(tx)
        };
        let writer = start("sqlite-write".to_owned(), true)?;
        let readers = (0..readers.max(1))
            .map(|i| start(format!("sqlite-read-{i}"), false))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { done, writer, readers: readers.into(), next: Arc::default(), path: path.into() })
    }

    /// Runs a query that reads a few rows by a key, on the calling thread if it need not wait.
    ///
    /// # Errors
    /// The error of the query, or that the database is busy or closed.
    pub async fn read<T, F>(&self, work: F) -> JobResult<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, JobResult<T>> + Clone + Send + 'static,
    {
        match self.on_this_thread(work.clone()) {
            Some(Ok(found)) => Ok(found),
            // A reading thread can wait for a lock, and reports any other error.
            Some(Err(_)) | None => self.scan(work).await,
        }
    }

    fn on_this_thread<T>(
        &self,
        work: impl for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, JobResult<T>>,
    ) -> Option<JobResult<T>> {
        let mine = OWN.with_borrow_mut(|own| {
            own.iter().position(|(path, _)| *path == self.path).map(|at| own.swap_remove(at).1)
        });
        let mut conn = mine.or_else(|| connect(&self.path, 0).ok())?;
        let result = work(&mut conn).now_or_never();
        OWN.with_borrow_mut(|own| own.push((self.path.clone(), conn)));
        result
    }

    /// Runs queries that read many rows, on a reading thread.
    ///
    /// # Errors
    /// The error of the queries, or that the database is busy or closed.
    pub async fn scan<T, F>(&self, work: F) -> JobResult<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, JobResult<T>> + Send + 'static,
    {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        submit(&self.readers[turn % self.readers.len()], work).await
    }

    /// Checks that the writing thread is alive.
    ///
    /// # Errors
    /// [`StoreError::Closed`] when the writing thread has died.
    pub fn writes(&self) -> Result<(), StoreError> {
        if self.writer.is_closed() { Err(StoreError::Closed) } else { Ok(()) }
    }

    /// Counters of the writes so far.
    #[must_use]
    pub fn writing(&self) -> Writing {
        let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
        Writing {
            commits: read(&self.done.commits),
            writes: read(&self.done.writes),
            failed: read(&self.done.failed),
            waiting: self.writer.max_capacity() - self.writer.capacity(),
        }
    }

    /// Runs queries that write, in one transaction that is on disk when this returns.
    ///
    /// # Errors
    /// The error of the queries (nothing of theirs is written then), or that the database is busy
    /// or closed.
    pub async fn write<T, F>(&self, work: F) -> JobResult<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, JobResult<T>> + Send + 'static,
    {
        submit(&self.writer, work).await
    }
}

async fn submit<T, F>(to: &mpsc::Sender<Box<dyn Job>>, work: F) -> JobResult<T>
where
    T: Send + 'static,
    F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, JobResult<T>> + Send + 'static,
{
    let (asker, answer) = oneshot::channel();
    let job = Box::new(Task { work: Some(work), result: None, asker });
    to.try_send(job).map_err(|e| match e {
        mpsc::error::TrySendError::Full(_) => StoreError::Busy,
        mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
    })?;
    answer.await.unwrap_or(Err(StoreError::Closed)).map_err(|e| e.judged(failure::of_sqlite))
}

/// Runs a thread's loop. Statements run inline, so these futures wait only for the queue.
fn block_on(future: impl Future<Output = ()>) {
    if let Ok(rt) = tokio::runtime::Builder::new_current_thread().build() {
        rt.block_on(future);
    }
}

/// Opens a connection that waits up to `wait_ms` milliseconds for a lock.
///
/// Statement journals, which the savepoint of each job needs, stay in memory: in a file they cost
/// several system calls per job and protect nothing, because only the transaction must survive a
/// crash. A checkpoint runs after every 16 MB of log, so that pages which many commits touch are
/// copied less often.
fn connect(path: &Path, wait_ms: u32) -> Result<Conn, StoreError> {
    let url = path.to_string_lossy().into_owned();
    let open = async {
        let mut c = Conn::establish(&url).await.map_err(|e| StoreError::Open(e.to_string()))?;
        c.batch_execute(&format!(
            "PRAGMA busy_timeout={wait_ms}; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA \
                foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=4000;"
        ))
        .await?;
        Ok(c)
    };
    open.now_or_never().unwrap_or(Err(StoreError::Closed))
}

async fn read_loop(c: &mut Conn, mut rx: mpsc::Receiver<Box<dyn Job>>) {
    while let Some(mut job) = rx.recv().await {
        job.run(c).await;
        job.answer(Ok(()));
    }
}

async fn write_loop(c: &mut Conn, mut rx: mpsc::Receiver<Box<dyn Job>>, done: &Done) {
    let mut batch = Vec::with_capacity(BATCH);
    while rx.recv_many(&mut batch, BATCH).await > 0 {
        let committed = commit(c, &mut batch).await.map_err(StoreError::from);
        if committed.is_err() {
            // The batch may have left a transaction open; the next batch must not run inside it.
            let _ = c.batch_execute("ROLLBACK").await;
            done.failed.fetch_add(1, Ordering::Relaxed);
        } else {
            done.commits.fetch_add(1, Ordering::Relaxed);
            done.writes.fetch_add(batch.len() as u64, Ordering::Relaxed);
        }
        for job in batch.drain(..) {
            job.answer(committed.clone());
        }
    }
}

async fn commit(c: &mut Conn, batch: &mut [Box<dyn Job>]) -> QueryResult<()> {
    c.batch_execute("BEGIN IMMEDIATE").await?;
    for job in batch.iter_mut() {
        c.batch_execute("SAVEPOINT job").await?;
        let end = if job.run(c).await { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" };
        c.batch_execute(end).await?;
    }
    #[cfg(feature = "faults")]
    if faults::LOSE_COMMITS.load(std::sync::atomic::Ordering::Relaxed) {
        return c.batch_execute("ROLLBACK").await;
    }
    c.batch_execute("COMMIT").await
}

/// Faults that show whether the tests detect them.
#[cfg(feature = "faults")]
pub mod faults {
    /// Report writes as committed, but roll them back.
    pub static LOSE_COMMITS: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
}
