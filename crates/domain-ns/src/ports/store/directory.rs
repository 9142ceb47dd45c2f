//! What administrators set up: realms, clients, keys, roles, apps.

use async_trait::async_trait;
use countersign_protocol::ids::{ApiKeyId, ClientId, RealmId};

use crate::{
    Refused,
    api_key::{ApiKey, Granted},
    app::App,
    audit::Stamp,
    client::Client,
    grant::NotGranted,
    permission::Role,
    realm::{Realm, SealedRealm},
};
use countersign_ports::{Fault, time::Time};

/// What became of a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// The successor, as it is kept.
    Done(Box<ApiKey>),
    /// Its id is taken, by the same keyed request.
    Taken,
    /// The old one has a successor that works; only that one can be followed.
    Superseded,
    /// The successor would be over before it begins.
    Over,
    /// The old one is gone.
    Missing,
}

/// Which API keys; all, when it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyQuery {
    pub realm: Option<RealmId>,
    pub client: Option<ClientId>,
    pub role: Option<String>,
    /// Those of certificates, or the others.
    pub certificates: Option<bool>,
    pub after: Option<ApiKeyId>,
    pub limit: u32,
}

/// Realms, clients, keys, roles, apps.
#[async_trait]
pub trait Directory: Send + Sync {
    /// False when the name is taken.
    async fn add_realm(&self, realm: &SealedRealm, stamp: &Stamp) -> Result<bool, Fault>;
    async fn realms(&self) -> Result<Vec<SealedRealm>, Fault>;
    /// Display name and settings. False when the realm is gone, or not (any more) what it was
    /// `before`.
    async fn change_realm(&self, before: &Realm, after: &Realm, stamp: &Stamp) -> Result<bool, Fault>;

    /// False when the name is taken in the realm, or the id by the same keyed request.
    async fn add_client(&self, client: &Client, stamp: &Stamp) -> Result<bool, Fault>;
    /// Everything but id, name and creation. False when there is no such client.
    async fn change_client(&self, client: &Client, stamp: &Stamp) -> Result<bool, Fault>;
    async fn client(&self, realm: RealmId, id: ClientId) -> Result<Option<Client>, Fault>;
    async fn client_by_name(&self, realm: RealmId, name: &str) -> Result<Option<Client>, Fault>;
    /// By name, beginning after `after`.
    async fn clients(&self, realm: RealmId, after: Option<&str>, limit: u32) -> Result<Vec<Client>, Fault>;
    /// Its API keys go with it.
    async fn delete_client(&self, realm: RealmId, id: ClientId, stamp: &Stamp) -> Result<bool, Fault>;

    /// False when it is for a client or role that is not there (any more), or its id is taken by
    /// the same keyed request.
    async fn add_api_key(&self, key: &ApiKey, stamp: &Stamp) -> Result<bool, Fault>;
    /// With what its role allows now.
    async fn api_key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<Granted>, Fault>;
    async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, Fault>;
    /// In the order of their ids.
    async fn api_keys(&self, query: &KeyQuery) -> Result<Vec<ApiKey>, Fault>;
    /// Whether the database has, or had, a root key.
    async fn had_root_key(&self) -> Result<bool, Fault>;
    /// The first root key of a database. False when it has, or had, one: a key that existed once
    /// never comes back.
    async fn add_first_root_key(&self, key: &ApiKey, stamp: &Stamp) -> Result<bool, Fault>;
    async fn delete_api_key(&self, id: ApiKeyId, stamp: &Stamp) -> Result<bool, Fault>;
    /// A successor in the same transaction, in the place of one that was never used; the old one
    /// works until `until`. Unless the successor `may_outlive` it, it ends when the old one would
    /// have.
    async fn rotate_api_key(
        &self,
        old: ApiKeyId,
        until: Time,
        new: &ApiKey,
        may_outlive: bool,
        stamp: &Stamp,
    ) -> Result<Rotated, Fault>;
    /// Gives the key another role, if it still has the one it is given with. False when it has not,
    /// or the role is gone.
    async fn change_api_key(&self, before: &ApiKey, role: &str, stamp: &Stamp) -> Result<bool, Fault>;
    /// When it was last used; not in the trail.
    async fn touch_api_key(&self, id: ApiKeyId, at: Time) -> Result<(), Fault>;

    /// Makes or changes a role.
    async fn put_role(&self, role: &Role, stamp: &Stamp) -> Result<Result<(), NotGranted>, Fault>;
    /// Of one realm, or those that count everywhere.
    async fn roles(&self, realm: Option<RealmId>) -> Result<Vec<Role>, Fault>;
    /// Refuses what is not there, what a key has, and what whoever deletes it could not give.
    async fn delete_role(
        &self,
        realm: Option<RealmId>,
        name: &str,
        stamp: &Stamp,
    ) -> Result<Result<(), Refused>, Fault>;

    /// Makes or changes an app.
    async fn put_app(&self, app: &App, stamp: &Stamp) -> Result<(), Fault>;
    async fn app(&self, realm: RealmId, id: &str) -> Result<Option<App>, Fault>;
    async fn apps(&self, realm: RealmId) -> Result<Vec<App>, Fault>;
    async fn delete_app(&self, realm: RealmId, id: &str, stamp: &Stamp) -> Result<bool, Fault>;
}
