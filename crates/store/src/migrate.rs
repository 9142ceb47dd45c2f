//! Embedded migrations under a lock.

use std::{fs::File, path::Path};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};

use crate::StoreError;

/// Brings a SQLite database up to date; gives how many migrations ran. Of several processes one runs them and the others wait.
/// Blocks, so it is called before the actor system starts.
///
/// # Errors
/// [`StoreError::Open`] when the file cannot be used, [`StoreError::Query`] when a migration fails.
pub fn sqlite(path: &Path, migrations: EmbeddedMigrations) -> Result<usize, StoreError> {
    let open = |e: &dyn std::fmt::Display| StoreError::Open(e.to_string());
    let lock = File::create(path.with_extension("migrate.lock")).map_err(|e| open(&e))?;
    // A lock on a file beside the database: the operating system releases it even when the process dies.
    lock.lock().map_err(|e| open(&e))?;
    let mut c = SqliteConnection::establish(&path.to_string_lossy()).map_err(|e| open(&e))?;
    c.batch_execute("PRAGMA busy_timeout=10000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")?;
    let ran = c.run_pending_migrations(migrations).map_err(|e| StoreError::Query(e.to_string()))?;
    Ok(ran.len())
}
