//! Whichever database a service has.

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

/// Reading threads beside SQLite's writer.
const READERS: usize = 2;

/// An open database. Stores run their query body on it by [`crate::run!`].
#[derive(Clone)]
pub enum Database {
    Lite(Lite),
    Postgres(Pool<postgres::Conn>),
    Mysql(Pool<mysql::Conn>),
}

impl Database {
    /// Opens a database that has been migrated, for a program that knows this `schema`. Connections
    /// to a server live on `rt`, up to `size` of them.
    ///
    /// # Errors
    /// When it cannot be used, or a newer release has prepared it.
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

    /// Opens a SQLite file as it is.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn sqlite(path: &Path) -> Result<Self, StoreError> {
        Ok(Self::Lite(Lite::open(path, READERS)?))
    }

    /// How much is written.
    #[must_use]
    pub fn writing(&self) -> Writing {
        match self {
            Self::Lite(lite) => lite.writing(),
            Self::Postgres(pool) => pool.writing(),
            Self::Mysql(pool) => pool.writing(),
        }
    }

    /// Whether somebody writes, and to a database that takes it.
    ///
    /// # Errors
    /// Why not.
    pub async fn takes_writes(&self) -> Result<(), StoreError> {
        match self {
            Self::Lite(lite) => lite.writes(),
            Self::Postgres(pool) => pool.examine().await,
            Self::Mysql(pool) => pool.examine().await,
        }
    }
}

/// Runs a function of a query body, with owned arguments, on whichever database this is: `how` is
/// `read` for a few rows by a key, `scan` for many, `write` for a transaction. The query body is
/// the module `q` of `sqlite`, `postgres` and `mysql` in the crate that calls.
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
