//! What administrators set up: realms, clients, keys, roles, apps.

use async_trait::async_trait;
use countersign_protocol::ids::{ApiKeyId, ClientId, RealmId};

use super::Page;
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

/// Result of [`Directory::rotate_api_key`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// The successor, as it is stored.
    Done(Box<ApiKey>),
    /// The id of the successor is taken, by the same keyed request.
    Taken,
    /// The old key has a successor that was used or deleted, so it cannot be rotated again.
    Superseded,
    /// The successor would already have expired.
    Over,
    /// The old key is gone, or is not what was judged (any more).
    Missing,
}

/// Selects API keys; by default, all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyQuery {
    pub realm: Option<RealmId>,
    pub client: Option<ClientId>,
    pub role: Option<String>,
    /// Only keys that are certificates, or only others.
    pub certificates: Option<bool>,
    pub after: Option<ApiKeyId>,
    pub limit: u32,
}

/// Realms, clients, keys, roles, apps.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Adds a realm. False when the name is taken.
    async fn add_realm(&self, realm: &SealedRealm, stamp: &Stamp) -> Result<bool, Fault>;
    async fn realms(&self) -> Result<Vec<SealedRealm>, Fault>;
    /// Changes display name and settings. False when the realm is gone, or is not as in `before`
    /// (any more).
    async fn change_realm(&self, before: &Realm, after: &Realm, stamp: &Stamp) -> Result<bool, Fault>;

    /// Adds a client. False when the name is taken in the realm, or the id by the same keyed
    /// request.
    async fn add_client(&self, client: &Client, stamp: &Stamp) -> Result<bool, Fault>;
    /// Changes everything but id, name and time of creation. False when there is no such client.
    async fn change_client(&self, client: &Client, stamp: &Stamp) -> Result<bool, Fault>;
    async fn client(&self, realm: RealmId, id: ClientId) -> Result<Option<Client>, Fault>;
    async fn client_by_name(&self, realm: RealmId, name: &str) -> Result<Option<Client>, Fault>;
    /// Clients by name, beginning after `after`.
    async fn clients(&self, realm: RealmId, after: Option<&str>, limit: u32) -> Result<Vec<Client>, Fault>;
    /// Deletes a client with its API keys. False when there is no such client.
    async fn delete_client(&self, realm: RealmId, id: ClientId, stamp: &Stamp) -> Result<bool, Fault>;

    /// Adds a key. False when its client or role does not exist (any more), when its maker may not
    /// give this role (any more), or when the same keyed request has made a key before.
    async fn add_api_key(&self, key: &ApiKey, stamp: &Stamp) -> Result<bool, Fault>;
    /// The key with this hash, with the permissions that its role has now.
    async fn api_key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<Granted>, Fault>;
    async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, Fault>;
    /// API keys, ordered by their ids.
    async fn api_keys(&self, query: &KeyQuery) -> Result<Page<ApiKey, ApiKeyId>, Fault>;
    /// Whether the database has, or had, a root key.
    async fn had_root_key(&self) -> Result<bool, Fault>;
    /// Adds the first root key of a database. False when the database has, or had, one: a deleted
    /// key never comes back.
    async fn add_first_root_key(&self, key: &ApiKey, stamp: &Stamp) -> Result<bool, Fault>;
    async fn delete_api_key(&self, id: ApiKeyId, stamp: &Stamp) -> Result<bool, Fault>;
    /// Makes a successor of `old` in one transaction, in the place of one that was never used;
    /// `old` works until `until`, but no longer than before. Unless the successor `may_outlive` it,
    /// the successor ends no later than `old` would have.
    async fn rotate_api_key(
        &self,
        old: ApiKeyId,
        until: Time,
        new: &ApiKey,
        may_outlive: bool,
        stamp: &Stamp,
    ) -> Result<Rotated, Fault>;
    /// Gives a key another role, if it still has the role it has in `before`. False when it does
    /// not, when the role is gone, or when the caller may not change it (any more).
    async fn change_api_key(&self, before: &ApiKey, role: &str, stamp: &Stamp) -> Result<bool, Fault>;
    /// Records when the key was last used; not in the trail.
    async fn touch_api_key(&self, id: ApiKeyId, at: Time) -> Result<(), Fault>;

    /// Makes or changes a role.
    async fn put_role(&self, role: &Role, stamp: &Stamp) -> Result<Result<(), NotGranted>, Fault>;
    /// The roles of a realm, or those for keys that are bound to no realm.
    async fn roles(&self, realm: Option<RealmId>) -> Result<Vec<Role>, Fault>;
    /// Deletes a role. Refuses a role that does not exist, one that a key has, and one that the
    /// caller could not give.
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
