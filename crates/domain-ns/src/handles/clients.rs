//! Clients: the business applications of a realm.

use std::collections::BTreeMap;

use countersign_ports::Fault;
use countersign_protocol::ids::{ClientId, RealmId};

use crate::{Refused, audit::Who, client::Client, ports::Ports, refused::Stop};

/// The clients of realms.
#[derive(Clone)]
pub struct Clients(Ports);

impl Clients {
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        Self(ports)
    }

    /// Returns a client by its id.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn find(&self, realm: RealmId, id: ClientId) -> Result<Option<Client>, Fault> {
        self.0.store.client(realm, id).await
    }

    /// Returns a client by its name.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn by_name(&self, realm: RealmId, name: &str) -> Result<Option<Client>, Fault> {
        self.0.store.client_by_name(realm, name).await
    }

    /// Lists clients by name, beginning after `after`.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn list(&self, realm: RealmId, after: Option<&str>, limit: u32) -> Result<Vec<Client>, Fault> {
        self.0.store.clients(realm, after, limit).await
    }

    /// A new client that is not stored yet, with nothing but an id and its name. A repeated keyed
    /// request gets the same id again.
    #[must_use]
    pub fn draft(&self, who: Who, realm: RealmId, name: String) -> Client {
        Client {
            id: ClientId(who.mark.map_or_else(|| self.0.fresh_id(), |mark| mark.id)),
            realm,
            name,
            display_name: String::new(),
            logo: None,
            origins: Vec::new(),
            return_urls: Vec::new(),
            callback_urls: Vec::new(),
            templates: BTreeMap::new(),
            accepts: Vec::new(),
            second_factor: None,
            created_at: self.0.now(),
        }
    }

    /// Stores a new client. A repeated keyed request gets the client it made.
    ///
    /// # Errors
    /// [`Refused::AlreadyExists`] when the name is taken; [`Refused::RequestChanged`]; faults of a
    /// port.
    pub async fn create(&self, client: Client, who: Who) -> Result<Client, Stop> {
        let ports = &self.0;
        if ports.store.add_client(&client, &ports.stamp(who)).await? {
            return Ok(client);
        }
        // The name or id is taken, by the same keyed request or by another client.
        let request = match who.mark {
            Some(mark) => ports.store.request(&mark.id).await?.map(|hash| hash == mark.hash),
            None => None,
        };
        match (request, ports.store.client(client.realm, client.id).await?) {
            (Some(true), Some(there)) => Ok(there),
            (Some(false), _) => Err(Refused::RequestChanged.into()),
            _ => Err(Refused::AlreadyExists.into()),
        }
    }

    /// Changes everything but id, name and time of creation. Returns `false` when there is no such
    /// client.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn change(&self, client: &Client, who: Who) -> Result<bool, Fault> {
        self.0.store.change_client(client, &self.0.stamp(who)).await
    }

    /// Deletes a client with its keys. Returns `false` when there is no such client.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn delete(&self, realm: RealmId, id: ClientId, who: Who) -> Result<bool, Fault> {
        self.0.store.delete_client(realm, id, &self.0.stamp(who)).await
    }
}
