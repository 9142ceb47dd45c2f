//! The port, method by method: pick the database, run the one query body.

mod directory;
mod logins;
mod people;
mod trail;

use std::path::Path;

use async_trait::async_trait;
use countersign_domain::{Fault, ports::Store};
use countersign_store::{
    StoreError,
    lite::{Lite, Writing},
    migrate,
};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use futures_util::FutureExt;

use crate::sqlite::q;

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite/ns");

/// Reading threads beside the writer.
const READERS: usize = 2;

/// NS's store. SQLite for now; the other databases become further variants with the same query body.
#[derive(Clone)]
pub struct NsStore {
    lite: Lite,
}

impl NsStore {
    /// Migrates the file and opens it. Blocks while it migrates.
    ///
    /// # Errors
    /// When the file cannot be used or migrated.
    pub fn open_sqlite(path: &Path) -> Result<Self, StoreError> {
        migrate::sqlite(path, SQLITE, migrate::What::Run)?;
        Ok(Self { lite: Lite::open(path, READERS)? })
    }

    /// How much is written.
    #[must_use]
    pub fn writing(&self) -> Writing {
        self.lite.writing()
    }
}

/// Logged where it is handled; here it only changes its type.
fn fault(e: StoreError) -> Fault {
    Fault(e.to_string())
}

/// Runs a read by key of the query body with owned arguments.
macro_rules! read {
    ($self:ident, |$c:ident| $call:expr) => {
        $self.lite.read(move |$c| async move { $call.await }.boxed()).await.map_err(super::fault)
    };
}
use read;

/// Runs a read of many rows with owned arguments.
macro_rules! scan {
    ($self:ident, |$c:ident| $call:expr) => {
        $self.lite.scan(move |$c| async move { $call.await }.boxed()).await.map_err(super::fault)
    };
}
use scan;

/// Runs a write of the query body with owned arguments.
macro_rules! write {
    ($self:ident, |$c:ident| $call:expr) => {
        $self.lite.write(move |$c| async move { $call.await }.boxed()).await.map_err(super::fault)
    };
}
use write;

#[async_trait]
impl Store for NsStore {
    async fn ping(&self) -> Result<(), Fault> {
        self.lite.writes().map_err(fault)?;
        self.lite.scan(move |c| async move { q::realms::ping(c).await }.boxed()).await.map_err(fault)
    }
}
