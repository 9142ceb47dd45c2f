//! SQLite behind a group-commit writer.
//!
//! One small durable write costs more than all the cryptography of a login, because it waits for
//! the disk. So writes queue up for one thread, which takes all that wait, runs them in one `BEGIN
//! IMMEDIATE … COMMIT`, and answers each only after the commit. Each write has a savepoint of its
//! own: one that fails takes nothing of the others with it.
//!
//! Queries are written for diesel-async, whose SQLite connection wants every statement on another
//! thread. Here the whole job runs where it may block already, so [`Inline`] runs statements on the
//! spot: one hop per job instead of one per statement.
//!
//! Point reads do not even hop: waking a thread and being woken by it costs several times the read
//! (ADR 0006). They run on a connection of the asker's own thread, which never waits for a lock;
//! whatever would have to wait, and whatever reads many rows, goes to a reading thread.

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

use crate::StoreError;

/// Writes of one commit at most.
const BATCH: usize = 256;
/// Jobs that may wait; beyond it the answer is [`StoreError::Busy`].
const QUEUE: usize = 4096;
/// How long a database thread waits for a lock, in milliseconds.
const WAIT_MS: u32 = 5000;

/// Runs "blocking" work where it stands. Only for connections that live on a database thread.
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

/// Brings a database that nobody uses into its one file: what was in the log beside it is in it
/// afterwards.
///
/// # Errors
/// When it cannot be used, or is in use.
pub fn into_one_file(path: &Path) -> Result<(), StoreError> {
    let open = |e: &dyn std::fmt::Display| StoreError::Open(format!("{}: {e}", path.display()));
    let mut c = SqliteConnection::establish(&path.to_string_lossy()).map_err(|e| open(&e))?;
    // The process that closes a database last takes the log away; one that was killed has left it.
    c.batch_execute("PRAGMA busy_timeout=2000; PRAGMA synchronous=FULL;").map_err(|e| open(&e))?;
    // A checkpoint that somebody stands in the way of is no error: it says so in a row.
    let done: Checkpoint =
        sql_query("PRAGMA wal_checkpoint(TRUNCATE)").get_result(&mut c).map_err(|e| open(&e))?;
    if done.busy == 0 { Ok(()) } else { Err(open(&"another program has it open")) }
}

#[derive(QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = sql_types::Integer)]
    busy: i32,
}

/// The connection that query code sees.
pub type Conn = SyncConnectionWrapper<SqliteConnection, Inline>;

/// What a job gives; a query's own error is told from the database's.
pub type JobResult<T> = Result<T, StoreError>;

trait Job: Send {
    /// Runs the queries; true when they succeeded.
    fn run<'a>(&'a mut self, c: &'a mut Conn) -> BoxFuture<'a, bool>;
    /// Tells the asker. `committed` is false when the whole batch was lost.
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
        // An asker who has gone away does not need the answer.
        let _ = self.asker.send(committed.and(result));
    }
}

/// What the writer has done so far, and what waits for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Writing {
    /// Transactions on disk.
    pub commits: u64,
    /// Writes in them.
    pub writes: u64,
    /// Transactions that failed, each with everything in it.
    pub failed: u64,
    /// Writes that wait.
    pub waiting: usize,
}

/// Counted by the writer.
#[derive(Default)]
struct Done {
    commits: AtomicU64,
    writes: AtomicU64,
    failed: AtomicU64,
}

/// A SQLite database: a writer, and readers beside it.
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

    /// Runs a query that reads a few rows by a key: at once, on this thread.
    ///
    /// # Errors
    /// What the query gave, or that the database is busy or closed.
    pub async fn read<T, F>(&self, work: F) -> JobResult<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, JobResult<T>> + Clone + Send + 'static,
    {
        match self.on_this_thread(work.clone()) {
            Some(Ok(found)) => Ok(found),
            // A reading thread waits for a lock, and says what else is wrong.
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
    /// What the queries gave, or that the database is busy or closed.
    pub async fn scan<T, F>(&self, work: F) -> JobResult<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, JobResult<T>> + Send + 'static,
    {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        submit(&self.readers[turn % self.readers.len()], work).await
    }

    /// Whether there is somebody who writes.
    ///
    /// # Errors
    /// [`StoreError::Closed`] when the writing thread has died.
    pub fn writes(&self) -> Result<(), StoreError> {
        if self.writer.is_closed() { Err(StoreError::Closed) } else { Ok(()) }
    }

    /// How much is written.
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
    /// What the queries gave (then nothing of theirs was written), or that the database is busy or
    /// closed.
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
    answer.await.unwrap_or(Err(StoreError::Closed))
}

/// Statements run inline, so these futures never wait for anything but the queue.
fn block_on(future: impl Future<Output = ()>) {
    if let Ok(rt) = tokio::runtime::Builder::new_current_thread().build() {
        rt.block_on(future);
    }
}

/// Opens a connection that waits so long for a lock.
///
/// Statement journals (each job has a savepoint) stay in memory: in a file of their own they cost
/// several system calls per job and protect nothing, because the transaction is what survives a
/// crash. Checkpoints come every 16 MB of log: pages that many commits touch are copied less often.
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
            // The batch may have left a transaction open; the next one must not run inside it.
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

/// For tests of the tests.
#[cfg(feature = "faults")]
pub mod faults {
    /// Answer as if committed, and roll back.
    pub static LOSE_COMMITS: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
}
