//! Embedded migrations, run under a lock: of several processes that start at once, one runs them
//! and the others wait.

use std::{fs::File, path::Path};

use diesel::{
    Connection, QueryableByName, SqliteConnection,
    connection::SimpleConnection,
    migration::{MigrationSource, MigrationVersion},
    sql_types,
};
use diesel_async::{
    AsyncMigrationHarness, AsyncMysqlConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};

use crate::{
    StoreError,
    pool::SqlServer,
    url::{DatabaseUrl, TlsOptions},
};

/// One service's migrations, for each kind of database.
pub struct Migrations {
    pub sqlite: EmbeddedMigrations,
    pub postgres: EmbeddedMigrations,
    pub mysql: EmbeddedMigrations,
    /// Name of the service. It is part of the lock's name, so that only processes of one service
    /// wait for each other's migrations of a database.
    pub name: &'static str,
}

/// State of a database's migrations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchemaState {
    /// Migrations that have not run yet.
    pub pending: Vec<String>,
    /// Migrations that have run but that this release does not know, because a newer one ran them.
    pub newer: Vec<String>,
}

/// Whether to run pending migrations, or only to report them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Run,
    Look,
}

/// Brings a database up to date, or only looks, and returns the state before. Blocks on SQLite, and
/// needs a multi-threaded runtime, so it is called before the actor system starts.
///
/// # Errors
/// [`StoreError::Open`] when the database cannot be used, [`StoreError::Query`] when a migration
/// fails.
pub async fn migrate(
    url: &DatabaseUrl,
    tls: &TlsOptions,
    all: Migrations,
    what: What,
) -> Result<SchemaState, StoreError> {
    match url {
        DatabaseUrl::Sqlite(path) => sqlite(path, all.sqlite, what),
        DatabaseUrl::Postgres(url) => postgres(url, tls, all, what).await,
        DatabaseUrl::Mysql(url) => mysql(url, tls, all, what).await,
    }
}

fn failed(e: impl std::fmt::Display) -> StoreError {
    StoreError::Query(format!("migration: {e}"))
}

/// Reads the state, and runs pending migrations if asked to.
fn go<DB: diesel::backend::Backend>(
    harness: &mut impl MigrationHarness<DB>,
    migrations: &(impl MigrationSource<DB> + Copy),
    what: What,
) -> Result<SchemaState, StoreError> {
    let known = migrations.migrations().map_err(failed)?;
    let known: Vec<MigrationVersion<'_>> = known.iter().map(|m| m.name().version().as_owned()).collect();
    let newer = harness
        .applied_migrations()
        .map_err(failed)?
        .iter()
        .filter(|v| !known.contains(v))
        .map(ToString::to_string)
        .collect();
    let pending = harness
        .pending_migrations(*migrations)
        .map_err(failed)?
        .iter()
        .map(|m| m.name().to_string())
        .collect();
    if what == What::Run {
        harness.run_pending_migrations(*migrations).map_err(failed)?;
    }
    Ok(SchemaState { pending, newer })
}

/// Does the same as [`migrate`] for a SQLite file.
///
/// # Errors
/// As [`migrate`].
pub fn sqlite(path: &Path, migrations: EmbeddedMigrations, what: What) -> Result<SchemaState, StoreError> {
    let open = |e: &dyn std::fmt::Display| StoreError::Open(format!("{}: {e}", path.display()));
    if what == What::Look && !path.exists() {
        // A look creates nothing: an empty database in memory has the same migrations pending.
        let mut c = SqliteConnection::establish(":memory:").map_err(|e| open(&e))?;
        return go(&mut c, &Shared(&migrations), what);
    }
    let lock = File::create(path.with_extension("migrate.lock")).map_err(|e| open(&e))?;
    // The lock is on a file beside the database: the operating system releases it even when the
    // process dies.
    lock.lock().map_err(|e| open(&e))?;
    let mut c = SqliteConnection::establish(&path.to_string_lossy()).map_err(|e| open(&e))?;
    c.batch_execute("PRAGMA busy_timeout=10000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")?;
    go(&mut c, &Shared(&migrations), what)
}

/// A borrowed migration source. Diesel takes a source by value, and embedded migrations can only be
/// borrowed.
#[derive(Clone, Copy)]
struct Shared<'a>(&'a EmbeddedMigrations);

impl<DB: diesel::backend::Backend> MigrationSource<DB> for Shared<'_> {
    fn migrations(&self) -> diesel::migration::Result<Vec<Box<dyn diesel::migration::Migration<DB>>>> {
        self.0.migrations()
    }
}

#[derive(QueryableByName)]
struct Got {
    #[diesel(sql_type = sql_types::Nullable<sql_types::BigInt>)]
    ok: Option<i64>,
}

async fn postgres(
    url: &str,
    tls: &TlsOptions,
    all: Migrations,
    what: What,
) -> Result<SchemaState, StoreError> {
    let mut c = AsyncPgConnection::connect(url, tls).await?;
    c.examine().await?;
    // The lock belongs to the session, so it is released with the connection in every case. The
    // timeouts are off because a migration may take longer than a request.
    c.batch_execute(&format!(
        "SET statement_timeout = 0; SET lock_timeout = 0; SELECT pg_advisory_lock(hashtext('countersign \
            {}'))",
        all.name
    ))
    .await?;
    go(&mut AsyncMigrationHarness::new(c), &Shared(&all.postgres), what)
}

async fn mysql(url: &str, tls: &TlsOptions, all: Migrations, what: What) -> Result<SchemaState, StoreError> {
    let mut c = AsyncMysqlConnection::connect(url, tls).await?;
    c.examine().await?;
    let name = all.name;
    let lock = format!("SELECT GET_LOCK(CONCAT('countersign {name} ', MD5(DATABASE())), 600) AS ok");
    let got: Got = diesel::sql_query(lock).get_result(&mut c).await?;
    if got.ok != Some(1) {
        return Err(StoreError::Open(
            "another process has been migrating the database for ten minutes".to_owned(),
        ));
    }
    go(&mut AsyncMigrationHarness::new(c), &Shared(&all.mysql), what)
}
