//! The ports of SFS: what its rules need from outside. SFS has no live state besides its database;
//! its limits are rows there.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_ports::{Fault, probe::Probe, random::Random, time::Clock, vault::Vault};
use countersign_protocol::ids::AuditId;

use crate::server::SealedServer;

/// The database of SFS. Every write commits durably before it returns, together with its row in the
/// trail.
#[async_trait]
pub trait Store: Probe {
    /// The identity of this server, if a first start has made it.
    ///
    /// # Errors
    /// A fault of the database.
    async fn server(&self) -> Result<Option<SealedServer>, Fault>;

    /// Makes this the server's identity, unless there is one: of several pods that start together,
    /// one wins. The row of the trail that records it gets the id `told`. Returns false when there
    /// was an identity already.
    ///
    /// # Errors
    /// A fault of the database.
    async fn add_server(&self, server: &SealedServer, told: AuditId) -> Result<bool, Fault>;
}

/// All ports of SFS.
#[derive(Clone)]
pub struct Ports {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub vault: Arc<Vault>,
}
