//! Custom roles.

use countersign_ports::Fault;
use countersign_protocol::ids::RealmId;

use crate::{
    audit::Who,
    flows::keys,
    grant::NotGranted,
    permission::{Permissions, Role},
    ports::Ports,
    refused::Stop,
};

/// The custom roles of realms.
#[derive(Clone)]
pub struct Roles(Ports);

impl Roles {
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        Self(ports)
    }

    /// The roles of a realm, or those for keys that are bound to no realm.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn list(&self, realm: Option<RealmId>) -> Result<Vec<Role>, Fault> {
        self.0.store.roles(realm).await
    }

    /// Makes or changes a role.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn put(
        &self,
        who: Who,
        realm: Option<RealmId>,
        name: &str,
        wanted: Permissions,
    ) -> Result<Result<(), NotGranted>, Fault> {
        keys::put_role(&self.0, who, realm, name, wanted).await
    }

    /// Deletes a role that no key has.
    ///
    /// # Errors
    /// As [`keys::delete_role`].
    pub async fn delete(&self, who: Who, realm: Option<RealmId>, name: &str) -> Result<(), Stop> {
        keys::delete_role(&self.0, who, realm, name).await
    }
}
