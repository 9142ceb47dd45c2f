//! Browsers and addresses that are restricted after a user said "not me".

use countersign_ports::Fault;

use crate::{
    audit::Who,
    flows::accusation,
    ports::{Ports, Quarantine},
    realm::OpenRealm,
};

/// The quarantines of realms.
#[derive(Clone)]
pub struct Quarantines(Ports);

impl Quarantines {
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        Self(ports)
    }

    /// The quarantines that are in force now.
    ///
    /// # Errors
    /// A fault of the live state.
    pub async fn list(&self, realm: &OpenRealm) -> Result<Vec<Quarantine>, Fault> {
        self.0.live.quarantines(realm.id()).await
    }

    /// Lifts a quarantine. Returns `false` when it is not in force (any more).
    ///
    /// # Errors
    /// A fault of a port.
    pub async fn release(&self, realm: &OpenRealm, id: &str, who: Who) -> Result<bool, Fault> {
        accusation::lift(&self.0, realm, id, who).await
    }
}
