use countersign_domain::api_key::{ApiKey, Role};
use countersign_protocol::ids::{ApiKeyId, ClientId, RealmId};
use countersign_store::StoreError;
use diesel::prelude::*;

use super::{At, millis, time};
use crate::schema::api_keys;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = api_keys)]
pub(crate) struct ApiKeyRow {
    id: Vec<u8>,
    hash: Vec<u8>,
    role: String,
    realm: Option<Vec<u8>>,
    client: Option<Vec<u8>>,
    created_at: i64,
    expires_at: Option<i64>,
}

impl From<&ApiKey> for ApiKeyRow {
    fn from(k: &ApiKey) -> Self {
        let (role, realm, client) = match k.role {
            Role::Root => ("root", None, None),
            Role::RealmAdmin(realm) => ("realm-admin", Some(realm), None),
            Role::Client(realm, client) => ("client", Some(realm), Some(client)),
        };
        Self {
            id: k.id.0.to_vec(),
            hash: k.hash.to_vec(),
            role: role.to_owned(),
            realm: realm.map(|r| r.0.to_vec()),
            client: client.map(|c| c.0.to_vec()),
            created_at: millis(k.created_at),
            expires_at: k.expires_at.map(millis),
        }
    }
}

impl TryFrom<ApiKeyRow> for ApiKey {
    type Error = StoreError;
    fn try_from(r: ApiKeyRow) -> Result<Self, StoreError> {
        let at = At { table: "api_keys", row: &r.id };
        let realm = at.fixed_option(r.realm.as_ref())?.map(RealmId);
        let client = at.fixed_option(r.client.as_ref())?.map(ClientId);
        let role = match (r.role.as_str(), realm, client) {
            ("root", None, None) => Role::Root,
            ("realm-admin", Some(realm), None) => Role::RealmAdmin(realm),
            ("client", Some(realm), Some(client)) => Role::Client(realm, client),
            _ => return Err(at.bad("role")),
        };
        Ok(Self {
            id: ApiKeyId(at.fixed(&r.id)?),
            hash: at.fixed(&r.hash)?,
            role,
            created_at: time(r.created_at),
            expires_at: r.expires_at.map(time),
        })
    }
}
