//! Embedded migrations, run under a lock: of several processes that start at once, one runs them
//! and the others wait.

use std::{fs::File, path::Path};

use countersign_server_url::ServerUrl;
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
    pool::examined,
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
    let mode = "PRAGMA busy_timeout=10000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;";
    c.batch_execute(mode).map_err(|e| in_file(path, &failed(e)))?;
    go(&mut c, &Shared(&migrations), what).map_err(|e| in_file(path, &e))
}

/// Names the file that an error is about, and what may be wrong where it lies.
fn in_file(path: &Path, e: &StoreError) -> StoreError {
    let said = match e {
        StoreError::Query(said) => said.clone(),
        other => other.to_string(),
    };
    let hint = match said.as_str() {
        text if text.contains("disk is full") || text.contains("disk I/O error") => {
            "; is there room on its volume?"
        }
        text if text.contains("malformed") || text.contains("not a database") => "; restore its backup",
        _ => "",
    };
    StoreError::Open(format!("{}: {said}{hint}", path.display()))
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

/// Says what to do when the role may not change the schema.
fn by_its_owner(e: StoreError) -> StoreError {
    match e {
        StoreError::Query(why) if why.contains("denied") => StoreError::Query(format!(
            "{why}; run `countersign migrate` as the owner of the database, and then start the pods"
        )),
        other => other,
    }
}

/// Version and name of each migration that this release knows.
type Known = Vec<(String, String)>;

fn known<DB: diesel::backend::Backend>(migrations: &EmbeddedMigrations) -> Result<Known, StoreError> {
    let all: Vec<Box<dyn diesel::migration::Migration<DB>>> = migrations.migrations().map_err(failed)?;
    Ok(all.iter().map(|m| (m.name().version().to_string(), m.name().to_string())).collect())
}

fn compare(known: &Known, applied: &[String]) -> SchemaState {
    let pending = known.iter().filter(|(version, _)| !applied.contains(version));
    let newer = applied.iter().filter(|version| !known.iter().any(|(v, _)| v == *version));
    SchemaState { pending: pending.map(|(_, name)| name.clone()).collect(), newer: newer.cloned().collect() }
}

#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = sql_types::Text)]
    version: String,
}

/// What has run already. Diesel's own question would create the table that it reads, which a role
/// without that right could not ask.
const APPLIED: &str = "SELECT version FROM __diesel_schema_migrations ORDER BY version";

/// Whether nothing is left to do: no migration is pending, or they are only looked at.
fn done(state: &SchemaState, what: What) -> bool {
    what == What::Look || state.pending.is_empty()
}

fn versions(rows: Vec<Applied>) -> Vec<String> {
    rows.into_iter().map(|row| row.version).collect()
}

async fn postgres(
    url: &ServerUrl,
    tls: &TlsOptions,
    all: Migrations,
    what: What,
) -> Result<SchemaState, StoreError> {
    let (mut c, seen) = examined::<AsyncPgConnection>(url, tls).await?;
    let applied = match diesel::sql_query(APPLIED).load(&mut c).await {
        Ok(rows) => versions(rows),
        Err(_) if seen.is_undefined_table() => Vec::new(),
        Err(e) => return Err(failed(e)),
    };
    let state = compare(&known::<diesel::pg::Pg>(&all.postgres)?, &applied);
    if done(&state, what) {
        return Ok(state);
    }
    // The lock belongs to the session, so it is released with the connection in every case. The
    // timeouts are off because a migration may take longer than a request.
    c.batch_execute(&format!(
        "SET statement_timeout = 0; SET lock_timeout = 0; SELECT pg_advisory_lock(hashtext('countersign \
            {}'))",
        all.name
    ))
    .await?;
    go(&mut AsyncMigrationHarness::new(c), &Shared(&all.postgres), what).map_err(by_its_owner)
}

async fn mysql(
    url: &ServerUrl,
    tls: &TlsOptions,
    all: Migrations,
    what: What,
) -> Result<SchemaState, StoreError> {
    let (mut c, ()) = examined::<AsyncMysqlConnection>(url, tls).await?;
    let applied = match diesel::sql_query(APPLIED).load(&mut c).await {
        Ok(rows) => versions(rows),
        // 1146
        Err(e) if e.to_string().contains("doesn't exist") => Vec::new(),
        Err(e) => return Err(failed(e)),
    };
    let state = compare(&known::<diesel::mysql::Mysql>(&all.mysql)?, &applied);
    if done(&state, what) {
        return Ok(state);
    }
    let name = all.name;
    let lock = format!("SELECT GET_LOCK(CONCAT('countersign {name} ', MD5(DATABASE())), 600) AS ok");
    let got: Got = diesel::sql_query(lock).get_result(&mut c).await?;
    if got.ok != Some(1) {
        return Err(StoreError::Open(
            "another process has been migrating the database for ten minutes".to_owned(),
        ));
    }
    go(&mut AsyncMigrationHarness::new(c), &Shared(&all.mysql), what).map_err(by_its_owner)
}
