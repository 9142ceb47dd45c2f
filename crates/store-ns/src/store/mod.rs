//! Implements the store port: each method picks the database and runs the query body.

mod directory;
mod logins;
mod people;
mod trail;

use std::path::Path;

use async_trait::async_trait;
use countersign_ports::{Fault, probe::Probe};
use countersign_protocol::ids::ApiKeyId;
use countersign_store::{
    Database, StoreError,
    lite::Writing,
    migrate::{Migrations, What, sqlite},
    url::{DatabaseUrl, TlsOptions},
};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use tokio::runtime::Handle;

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite/ns");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres/ns");
const MYSQL: EmbeddedMigrations = embed_migrations!("../../migrations/mysql/ns");

/// The newest schema this program knows: the number of the newest migration. A migration after
/// which older programs must not use the database raises `oldest_schema`.
const SCHEMA: i64 = 8;

/// NS's migrations.
#[must_use]
pub const fn migrations() -> Migrations {
    Migrations { sqlite: SQLITE, postgres: POSTGRES, mysql: MYSQL, name: "ns" }
}

/// NS's store: one query body for three kinds of database.
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
        Ok(Self { database: Database::sqlite(path)? })
    }

    /// Opens a migrated database. Connections to a database server run on `rt`; there are at most
    /// `size` of them.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn open(
        url: &DatabaseUrl,
        tls: &TlsOptions,
        size: u32,
        rt: &Handle,
    ) -> Result<Self, StoreError> {
        Ok(Self { database: Database::open(url, tls, size, rt, SCHEMA).await? })
    }

    /// Keys made before roles were narrowed, whose role could do more then. The database may still
    /// have the previous release's schema.
    ///
    /// # Errors
    /// A fault of the database.
    pub async fn old_client_keys(&self) -> Result<Vec<ApiKeyId>, Fault> {
        let narrowed = read!(self, |c| q::api_keys::narrowed(c))?;
        scan!(self, |c| q::api_keys::old_client_keys(c, narrowed))
    }

    /// Counters of the writes so far.
    #[must_use]
    pub fn writing(&self) -> Writing {
        self.database.writing()
    }
}

/// Runs a read by key.
macro_rules! read {
    ($self:ident, |$c:ident| $call:expr) => {
        countersign_store::run!($self.database, read, |$c| $call).map_err(::countersign_ports::Fault::from)
    };
}
use read;

/// Runs a read of many rows.
macro_rules! scan {
    ($self:ident, |$c:ident| $call:expr) => {
        countersign_store::run!($self.database, scan, |$c| $call).map_err(::countersign_ports::Fault::from)
    };
}
use scan;

/// Runs a transaction that writes.
macro_rules! change {
    ($self:ident, |$c:ident| $call:expr) => {
        countersign_store::run!($self.database, write, |$c| $call).map_err(::countersign_ports::Fault::from)
    };
}
use change;

#[async_trait]
impl Probe for NsStore {
    async fn ping(&self) -> Result<(), Fault> {
        self.database.takes_writes().await.map_err(Fault::from)?;
        scan!(self, |c| q::realms::ping(c))
    }

    async fn write(&self) -> Result<(), Fault> {
        self.database.probe().await.map_err(Fault::from)
    }
}
