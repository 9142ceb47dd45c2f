//! Implements the store port: each method picks the database and runs the query body.

use async_trait::async_trait;
use countersign_domain_sfs::{
    device::Device,
    keys::SealedKeys,
    limits::Gate,
    ports::{Change, Evaluations, Purged, Row, Store, Written},
    server::SealedServer,
};
use countersign_ports::{Fault, probe::Probe, time::Time};
use countersign_protocol::ids::{AuditId, FactorId, Jkt};
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
const SCHEMA: i64 = 2;

/// SFS's migrations.
#[must_use]
pub const fn migrations() -> Migrations {
    Migrations { sqlite: SQLITE, postgres: POSTGRES, mysql: MYSQL, name: "sfs" }
}

/// The name of a counter of evaluations.
pub(crate) fn counter_name(n: usize) -> String {
    format!("evaluations/{n:02}")
}

/// A [`Change`] that owns what it needs, for the thread of the database.
#[derive(Clone)]
pub(crate) struct OwnedChange {
    pub(crate) from: u64,
    pub(crate) to: Device,
    pub(crate) evaluation: bool,
    pub(crate) gate: Option<Gate>,
    pub(crate) drop_factors: bool,
    pub(crate) row: Option<Row>,
    pub(crate) now: Time,
}

impl From<Change<'_>> for OwnedChange {
    fn from(c: Change<'_>) -> Self {
        let (from, to, now) = (c.from, c.to.clone(), c.now);
        let (evaluation, gate, drop_factors, row) = (c.evaluation, c.gate, c.drop_factors, c.row);
        Self { from, to, evaluation, gate, drop_factors, row, now }
    }
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

    /// Whether any device has a PIN.
    ///
    /// # Errors
    /// A fault of the database.
    pub async fn has_devices(&self) -> Result<bool, Fault> {
        run!(self.database, scan, |c| q::devices::any(c)).map_err(Fault::from)
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

    async fn device(&self, jkt: &Jkt) -> Result<Option<Device>, Fault> {
        let jkt = *jkt;
        run!(self.database, read, |c| q::devices::get(c, &jkt)).map_err(Fault::from)
    }

    async fn add_device(&self, device: &Device, gate: Gate, row: Row) -> Result<Written, Fault> {
        let device = device.clone();
        run!(self.database, write, |c| q::devices::add(c, &device, gate, row)).map_err(Fault::from)
    }

    async fn change(&self, change: Change<'_>) -> Result<Written, Fault> {
        let change = OwnedChange::from(change);
        run!(self.database, write, |c| q::devices::change(c, &change)).map_err(Fault::from)
    }

    async fn forget(&self, jkt: &Jkt, row: Row) -> Result<bool, Fault> {
        let jkt = *jkt;
        run!(self.database, write, |c| q::devices::forget(c, &jkt, row)).map_err(Fault::from)
    }

    async fn owner(&self, factor: FactorId) -> Result<Option<Jkt>, Fault> {
        run!(self.database, read, |c| q::factors::owner(c, factor)).map_err(Fault::from)
    }

    async fn add_factor(&self, factor: FactorId, jkt: &Jkt, most: u32, now: Time) -> Result<bool, Fault> {
        let jkt = *jkt;
        run!(self.database, write, |c| q::factors::add(c, factor, &jkt, most, now)).map_err(Fault::from)
    }

    async fn keys(&self) -> Result<Option<SealedKeys>, Fault> {
        run!(self.database, scan, |c| q::keys::newest(c)).map_err(Fault::from)
    }

    async fn add_keys(&self, keys: &SealedKeys, row: Row) -> Result<bool, Fault> {
        let keys = keys.clone();
        run!(self.database, write, |c| q::keys::add(c, &keys, row)).map_err(Fault::from)
    }

    async fn evaluations(&self) -> Result<Evaluations, Fault> {
        run!(self.database, scan, |c| q::upkeep::evaluations(c)).map_err(Fault::from)
    }

    async fn restored(&self, at_least: Evaluations, row: Row) -> Result<usize, Fault> {
        run!(self.database, write, |c| q::upkeep::restored(c, at_least, row)).map_err(Fault::from)
    }

    async fn purge(&self, now: Time, unused: Time, trail: Time) -> Result<Purged, Fault> {
        run!(self.database, write, |c| q::upkeep::purge(c, now, unused, trail)).map_err(Fault::from)
    }

    async fn tend(&self) -> Result<(), Fault> {
        self.database.tend().await.map_err(Fault::from)
    }
}
