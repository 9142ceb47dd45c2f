//! Implements the store port: each method picks the database and runs the query body.

use async_trait::async_trait;
use countersign_domain_sfs::{ports::Store, server::SealedServer};
use countersign_ports::{Fault, probe::Probe};
use countersign_protocol::ids::AuditId;
use countersign_store::{
    Database, StoreError,
    lite::Writing,
    migrate::Migrations,
    run,
    url::{DatabaseUrl, TlsOptions},
};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use tokio::runtime::Handle;

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite/sfs");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres/sfs");
const MYSQL: EmbeddedMigrations = embed_migrations!("../../migrations/mysql/sfs");

/// The newest schema this program knows: the number of the newest migration.
const SCHEMA: i64 = 1;

/// SFS's migrations.
#[must_use]
pub const fn migrations() -> Migrations {
    Migrations { sqlite: SQLITE, postgres: POSTGRES, mysql: MYSQL, name: "sfs" }
}

/// SFS's store: one query body for three kinds of database.
#[derive(Clone)]
pub struct SfsStore {
    database: Database,
}

impl SfsStore {
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

    /// Counters of the writes so far.
    #[must_use]
    pub fn writing(&self) -> Writing {
        self.database.writing()
    }
}

#[async_trait]
impl Probe for SfsStore {
    async fn ping(&self) -> Result<(), Fault> {
        self.database.takes_writes().await.map_err(Fault::from)?;
        run!(self.database, scan, |c| q::server::get(c)).map(drop).map_err(Fault::from)
    }

    async fn write(&self) -> Result<(), Fault> {
        self.database.probe().await.map_err(Fault::from)
    }
}

#[async_trait]
impl Store for SfsStore {
    async fn server(&self) -> Result<Option<SealedServer>, Fault> {
        run!(self.database, scan, |c| q::server::get(c)).map_err(Fault::from)
    }

    async fn add_server(&self, server: &SealedServer, told: AuditId) -> Result<bool, Fault> {
        let server = server.clone();
        run!(self.database, write, |c| q::server::add(c, &server, told)).map_err(Fault::from)
    }
}
