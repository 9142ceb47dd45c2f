//! The port, method by method: pick the database, run the one query body.

mod directory;
mod logins;
mod people;
mod trail;

use std::path::Path;

use async_trait::async_trait;
use countersign_ports::Fault;
use countersign_ports::probe::Probe;
use countersign_protocol::ids::ApiKeyId;
use countersign_store::{
    StoreError,
    lite::{Lite, Writing},
    migrate::{Migrations, What, sqlite},
    mysql,
    pool::Pool,
    postgres,
    url::{DatabaseUrl, TlsOptions},
};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use tokio::runtime::Handle;

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite/ns");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres/ns");
const MYSQL: EmbeddedMigrations = embed_migrations!("../../migrations/mysql/ns");

/// The newest schema this program knows: its number is that of the newest migration. A migration after which older programs must not go on raises `oldest_schema`.
const SCHEMA: i64 = 6;

/// Reading threads beside SQLite's writer.
const READERS: usize = 2;

/// NS's migrations.
#[must_use]
pub const fn migrations() -> Migrations {
    Migrations { sqlite: SQLITE, postgres: POSTGRES, mysql: MYSQL, name: "ns" }
}

#[derive(Clone)]
enum Database {
    Lite(Lite),
    Postgres(Pool<postgres::Conn>),
    Mysql(Pool<mysql::Conn>),
}

/// NS's store: one query body, three kinds of database.
#[derive(Clone)]
pub struct NsStore {
    database: Database,
}

impl NsStore {
    /// Migrates the file and opens it. Blocks while it migrates.
    ///
    /// # Errors
    /// When the file cannot be used or migrated.
    pub fn open_sqlite(path: &Path) -> Result<Self, StoreError> {
        sqlite(path, SQLITE, What::Run)?;
        Ok(Self { database: Database::Lite(Lite::open(path, READERS)?) })
    }

    /// Opens a database that has been migrated. Connections to a server live on `rt`, up to `size` of them.
    ///
    /// # Errors
    /// When it cannot be used.
    pub async fn open(url: &DatabaseUrl, tls: &TlsOptions, size: u32, rt: &Handle) -> Result<Self, StoreError> {
        let database = match url {
            DatabaseUrl::Sqlite(path) => Database::Lite(Lite::open(path, READERS)?),
            DatabaseUrl::Postgres(url) => Database::Postgres(Pool::open(url, tls, size, rt).await?),
            DatabaseUrl::Mysql(url) => Database::Mysql(Pool::open(url, tls, size, rt).await?),
        };
        let store = Self { database };
        let oldest = run!(store, read, |c| q::realms::oldest_schema(c)).map_err(|e: Fault| StoreError::Open(e.0))?;
        if oldest > SCHEMA {
            return Err(StoreError::Open(format!(
                "a newer release has prepared this database: it takes a program that knows schema {oldest}, and this one knows {SCHEMA}"
            )));
        }
        Ok(store)
    }

    /// Keys made before roles were narrowed whose role could do more then. The database may be of the release before.
    ///
    /// # Errors
    /// A fault of the database.
    pub async fn old_client_keys(&self) -> Result<Vec<ApiKeyId>, Fault> {
        let narrowed = read!(self, |c| q::api_keys::narrowed(c))?;
        scan!(self, |c| q::api_keys::old_client_keys(c, narrowed))
    }

    /// How much is written.
    #[must_use]
    pub fn writing(&self) -> Writing {
        match &self.database {
            Database::Lite(lite) => lite.writing(),
            Database::Postgres(pool) => pool.writing(),
            Database::Mysql(pool) => pool.writing(),
        }
    }

    /// Whether somebody writes, and to a database that takes it.
    async fn takes_writes(&self) -> Result<(), StoreError> {
        match &self.database {
            Database::Lite(lite) => lite.writes(),
            Database::Postgres(pool) => pool.examine().await,
            Database::Mysql(pool) => pool.examine().await,
        }
    }
}

/// Logged where it is handled; here it only changes its type.
fn fault(e: StoreError) -> Fault {
    Fault(e.to_string())
}

/// Runs a function of the query body, with owned arguments, on whichever database this is.
macro_rules! run {
    ($self:ident, $how:ident, |$c:ident| $call:expr) => {
        match &$self.database {
            $crate::store::Database::Lite(database) => {
                use $crate::sqlite::q;
                database.$how(move |$c| ::futures_util::FutureExt::boxed(async move { $call.await })).await
            }
            $crate::store::Database::Postgres(database) => {
                use $crate::postgres::q;
                database.$how(move |$c| ::futures_util::FutureExt::boxed(async move { $call.await })).await
            }
            $crate::store::Database::Mysql(database) => {
                use $crate::mysql::q;
                database.$how(move |$c| ::futures_util::FutureExt::boxed(async move { $call.await })).await
            }
        }
        .map_err($crate::store::fault)
    };
}
use run;

/// Runs a read by key.
macro_rules! read {
    ($self:ident, |$c:ident| $call:expr) => {
        $crate::store::run!($self, read, |$c| $call)
    };
}
use read;

/// Runs a read of many rows.
macro_rules! scan {
    ($self:ident, |$c:ident| $call:expr) => {
        $crate::store::run!($self, scan, |$c| $call)
    };
}
use scan;

/// Runs a write.
macro_rules! write {
    ($self:ident, |$c:ident| $call:expr) => {
        $crate::store::run!($self, write, |$c| $call)
    };
}
use write;

#[async_trait]
impl Probe for NsStore {
    async fn ping(&self) -> Result<(), Fault> {
        self.takes_writes().await.map_err(fault)?;
        scan!(self, |c| q::realms::ping(c))
    }
}
