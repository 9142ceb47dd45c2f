use async_trait::async_trait;
use countersign_domain_ns::{
    Refused,
    api_key::{ApiKey, Granted},
    app::App,
    audit::Stamp,
    client::Client,
    grant::NotGranted,
    permission::Role,
    ports::{Directory, KeyQuery, Page, Rotated},
    realm::{Realm, SealedRealm},
};
use countersign_ports::{Fault, time::Time};
use countersign_protocol::ids::{ApiKeyId, ClientId, RealmId};

use super::{NsStore, change, read, scan};

#[async_trait]
impl Directory for NsStore {
    async fn add_realm(&self, realm: &SealedRealm, stamp: &Stamp) -> Result<bool, Fault> {
        let (realm, stamp) = (realm.clone(), stamp.clone());
        change!(self, |c| q::realms::add(c, &realm, &stamp))
    }

    async fn realms(&self) -> Result<Vec<SealedRealm>, Fault> {
        scan!(self, |c| q::realms::all(c))
    }

    async fn change_realm(&self, before: &Realm, after: &Realm, stamp: &Stamp) -> Result<bool, Fault> {
        let (before, after, stamp) = (before.clone(), after.clone(), stamp.clone());
        change!(self, |c| q::realms::change(c, &before, &after, &stamp))
    }

    async fn add_client(&self, client: &Client, stamp: &Stamp) -> Result<bool, Fault> {
        let (client, stamp) = (client.clone(), stamp.clone());
        change!(self, |c| q::clients::add(c, &client, &stamp))
    }

    async fn change_client(&self, client: &Client, stamp: &Stamp) -> Result<bool, Fault> {
        let (client, stamp) = (client.clone(), stamp.clone());
        change!(self, |c| q::clients::change(c, &client, &stamp))
    }

    async fn client(&self, realm: RealmId, id: ClientId) -> Result<Option<Client>, Fault> {
        read!(self, |c| q::clients::get(c, realm, id))
    }

    async fn client_by_name(&self, realm: RealmId, name: &str) -> Result<Option<Client>, Fault> {
        let name = name.to_owned();
        read!(self, |c| q::clients::by_name(c, realm, &name))
    }

    async fn clients(&self, realm: RealmId, after: Option<&str>, limit: u32) -> Result<Vec<Client>, Fault> {
        let after = after.map(str::to_owned);
        scan!(self, |c| q::clients::list(c, realm, after, i64::from(limit)))
    }

    async fn delete_client(&self, realm: RealmId, id: ClientId, stamp: &Stamp) -> Result<bool, Fault> {
        let stamp = stamp.clone();
        change!(self, |c| q::clients::delete(c, realm, id, &stamp))
    }

    async fn add_api_key(&self, key: &ApiKey, stamp: &Stamp) -> Result<bool, Fault> {
        let (key, stamp) = (key.clone(), stamp.clone());
        change!(self, |c| q::api_keys::add(c, &key, &stamp))
    }

    async fn api_key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<Granted>, Fault> {
        let hash = *hash;
        read!(self, |c| q::api_keys::by_hash(c, &hash))
    }

    async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, Fault> {
        read!(self, |c| q::api_keys::get(c, id))
    }

    async fn api_keys(&self, query: &KeyQuery) -> Result<Page<ApiKey, ApiKeyId>, Fault> {
        let query = query.clone();
        scan!(self, |c| q::api_keys::list(c, &query))
    }

    async fn had_root_key(&self) -> Result<bool, Fault> {
        read!(self, |c| q::api_keys::had_root(c))
    }

    async fn add_first_root_key(&self, key: &ApiKey, stamp: &Stamp) -> Result<bool, Fault> {
        let (key, stamp) = (key.clone(), stamp.clone());
        change!(self, |c| q::api_keys::add_first_root(c, &key, &stamp))
    }

    async fn delete_api_key(&self, id: ApiKeyId, stamp: &Stamp) -> Result<bool, Fault> {
        let stamp = stamp.clone();
        change!(self, |c| q::api_keys::delete(c, id, &stamp))
    }

    async fn rotate_api_key(
        &self,
        old: ApiKeyId,
        until: Time,
        new: &ApiKey,
        may_outlive: bool,
        stamp: &Stamp,
    ) -> Result<Rotated, Fault> {
        let (new, stamp) = (new.clone(), stamp.clone());
        change!(self, |c| q::api_keys::rotate(c, old, until, &new, may_outlive, &stamp))
    }

    async fn change_api_key(&self, before: &ApiKey, role: &str, stamp: &Stamp) -> Result<bool, Fault> {
        let (before, role, stamp) = (before.clone(), role.to_owned(), stamp.clone());
        change!(self, |c| q::api_keys::change_role(c, &before, &role, &stamp))
    }

    async fn touch_api_key(&self, id: ApiKeyId, at: Time) -> Result<(), Fault> {
        change!(self, |c| q::api_keys::touch(c, id, at))
    }

    async fn put_role(&self, role: &Role, stamp: &Stamp) -> Result<Result<(), NotGranted>, Fault> {
        let (role, stamp) = (role.clone(), stamp.clone());
        change!(self, |c| q::roles::put(c, &role, &stamp))
    }

    async fn roles(&self, realm: Option<RealmId>) -> Result<Vec<Role>, Fault> {
        scan!(self, |c| q::roles::list(c, realm))
    }

    async fn delete_role(
        &self,
        realm: Option<RealmId>,
        name: &str,
        stamp: &Stamp,
    ) -> Result<Result<(), Refused>, Fault> {
        let (name, stamp) = (name.to_owned(), stamp.clone());
        change!(self, |c| q::roles::delete(c, realm, &name, &stamp))
    }

    async fn put_app(&self, app: &App, stamp: &Stamp) -> Result<(), Fault> {
        let (app, stamp) = (app.clone(), stamp.clone());
        change!(self, |c| q::apps::put(c, &app, &stamp))
    }

    async fn app(&self, realm: RealmId, id: &str) -> Result<Option<App>, Fault> {
        let id = id.to_owned();
        read!(self, |c| q::apps::get(c, realm, &id))
    }

    async fn apps(&self, realm: RealmId) -> Result<Vec<App>, Fault> {
        scan!(self, |c| q::apps::of_realm(c, realm))
    }

    async fn delete_app(&self, realm: RealmId, id: &str, stamp: &Stamp) -> Result<bool, Fault> {
        let (id, stamp) = (id.to_owned(), stamp.clone());
        change!(self, |c| q::apps::delete(c, realm, &id, &stamp))
    }
}
