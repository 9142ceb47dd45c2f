//! The database of a service: SQLite, PostgreSQL or MySQL.

use std::path::Path;

use tokio::runtime::Handle;

use crate::{
    StoreError,
    lite::{Lite, Writing},
    mysql,
    pool::Pool,
    postgres, shared,
    url::{DatabaseUrl, TlsOptions},
};

/// Number of reading threads beside SQLite's writing thread.
const READERS: usize = 2;

/// An open database, on which stores run their query body with [`crate::run!`].
#[derive(Clone)]
pub enum Database {
    Lite(Lite),
    Postgres(Pool<postgres::Conn>),
    Mysql(Pool<mysql::Conn>),
}

impl Database {
    /// Opens a migrated database for a program that knows schemas up to `schema`. Connections to a
    /// database server run on `rt`; there are at most `size` of them.
    ///
    /// # Errors
    /// When the database cannot be used, or a newer release has prepared it for programs that know
    /// a newer schema.
    pub async fn open(
        url: &DatabaseUrl,
        tls: &TlsOptions,
        size: u32,
        rt: &Handle,
        schema: i64,
    ) -> Result<Self, StoreError> {
        let database = match url {
            DatabaseUrl::Sqlite(path) => Self::sqlite(path)?,
            DatabaseUrl::Postgres(url) => Self::Postgres(Pool::open(url, tls, size, rt).await?),
            DatabaseUrl::Mysql(url) => Self::Mysql(Pool::open(url, tls, size, rt).await?),
        };
        let oldest = match &database {
            Self::Lite(lite) => lite.read(|c| Box::pin(shared::sqlite::oldest_schema(c))).await,
            Self::Postgres(pool) => pool.read(|c| Box::pin(shared::postgres::oldest_schema(c))).await,
            Self::Mysql(pool) => pool.read(|c| Box::pin(shared::mysql::oldest_schema(c))).await,
        };
        match oldest.map_err(|e| StoreError::Open(e.to_string()))? {
            oldest if oldest > schema => Err(StoreError::Open(format!(
                "a newer release has prepared this database: it takes a program that knows schema {oldest}, \
                    and this one knows {schema}"
            ))),
            _ => Ok(database),
        }
    }

    /// Opens a SQLite file without checking its schema.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn sqlite(path: &Path) -> Result<Self, StoreError> {
        Ok(Self::Lite(Lite::open(path, READERS)?))
    }

    /// Counters of the writes so far.
    #[must_use]
    pub fn writing(&self) -> Writing {
        match self {
            Self::Lite(lite) => lite.writing(),
            Self::Postgres(pool) => pool.writing(),
            Self::Mysql(pool) => pool.writing(),
        }
    }

    /// Writes a number that nobody reads.
    ///
    /// # Errors
    /// When nothing can be written.
    pub async fn probe(&self) -> Result<(), StoreError> {
        match self {
            Self::Lite(lite) => lite.write(|c| Box::pin(shared::sqlite::probe(c))).await,
            Self::Postgres(pool) => pool.write(|c| Box::pin(shared::postgres::probe(c))).await,
            Self::Mysql(pool) => pool.write(|c| Box::pin(shared::mysql::probe(c))).await,
        }
    }

    /// Does upkeep that the database does too late by itself: PostgreSQL plans badly until it has
    /// looked at its tables. For every few seconds.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn tend(&self) -> Result<(), StoreError> {
        match self {
            Self::Postgres(pool) => pool.scan(|c| Box::pin(postgres::analyze_unknown(c))).await,
            Self::Lite(_) | Self::Mysql(_) => Ok(()),
        }
    }

    /// Checks that the database accepts writes.
    ///
    /// # Errors
    /// When it does not, with the reason.
    pub async fn takes_writes(&self) -> Result<(), StoreError> {
        match self {
            Self::Lite(lite) => lite.writes(),
            Self::Postgres(pool) => pool.examine().await,
            Self::Mysql(pool) => pool.examine().await,
        }
    }
}

/// Runs a function of a query body on whichever kind of database this is. `how` is `read` for a few
/// rows by a key, `scan` for many rows, and `write` for a transaction. The arguments are captured
/// by value. The query body is the module `q` in the modules `sqlite`, `postgres` and `mysql` of
/// the calling crate.
#[macro_export]
#[expect(clippy::crate_in_macro_def, reason = "the query body is the caller's")]
macro_rules! run {
    ($database:expr, $how:ident, |$c:ident| $call:expr) => {
        match &$database {
            $crate::Database::Lite(database) => {
                use crate::sqlite::q;
                database.$how(move |$c| ::std::boxed::Box::pin(async move { $call.await })).await
            }
            $crate::Database::Postgres(database) => {
                use crate::postgres::q;
                database.$how(move |$c| ::std::boxed::Box::pin(async move { $call.await })).await
            }
            $crate::Database::Mysql(database) => {
                use crate::mysql::q;
                database.$how(move |$c| ::std::boxed::Box::pin(async move { $call.await })).await
            }
        }
    };
}
