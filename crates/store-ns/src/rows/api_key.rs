use countersign_domain_ns::{
    api_key::ApiKey,
    authority::Lineage,
    permission::{Permission, Permissions, Role},
};
use countersign_protocol::ids::{ApiKeyId, ClientId, RealmId};
use countersign_store::StoreError;
use diesel::prelude::*;

use super::{At, millis, time};
use crate::schema::{api_keys, roles};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = api_keys, treat_none_as_default_value = false)]
pub(crate) struct ApiKeyRow {
    id: Vec<u8>,
    hash: Vec<u8>,
    role: String,
    realm: Option<Vec<u8>>,
    client: Option<Vec<u8>>,
    created_at: i64,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
    name: Option<String>,
    sources: String,
    certificate: Option<Vec<u8>>,
    lineage: Option<Vec<u8>>,
}

impl ApiKeyRow {
    pub(crate) fn new(k: &ApiKey) -> Result<Self, StoreError> {
        let sources: Vec<String> = k.sources.iter().map(ToString::to_string).collect();
        Ok(Self {
            id: k.id.0.to_vec(),
            hash: k.hash.to_vec(),
            role: k.role.clone(),
            realm: k.realm.map(|r| r.0.to_vec()),
            client: k.client.map(|c| c.0.to_vec()),
            created_at: millis(k.created_at),
            expires_at: k.expires_at.map(millis),
            last_used_at: k.last_used_at.map(millis),
            name: k.name.clone(),
            sources: serde_json::to_string(&sources)
                .map_err(|_| At { table: "api_keys", row: &k.id.0 }.bad("sources"))?,
            certificate: k.certificate.map(|c| c.to_vec()),
            lineage: k.lineage.map(|l| l.0.to_vec()),
        })
    }
}

impl TryFrom<ApiKeyRow> for ApiKey {
    type Error = StoreError;
    fn try_from(r: ApiKeyRow) -> Result<Self, StoreError> {
        let at = At { table: "api_keys", row: &r.id };
        let sources: Vec<String> = serde_json::from_str(&r.sources).map_err(|_| at.bad("sources"))?;
        Ok(Self {
            id: ApiKeyId(at.fixed(&r.id)?),
            hash: at.fixed(&r.hash)?,
            realm: at.fixed_option(r.realm.as_ref())?.map(RealmId),
            client: at.fixed_option(r.client.as_ref())?.map(ClientId),
            sources: sources
                .iter()
                .map(|s| s.parse().map_err(|_| at.bad("sources")))
                .collect::<Result<_, _>>()?,
            certificate: at.fixed_option(r.certificate.as_ref())?,
            lineage: at.fixed_option(r.lineage.as_ref())?.map(Lineage),
            name: r.name,
            role: r.role,
            created_at: time(r.created_at),
            expires_at: r.expires_at.map(time),
            last_used_at: r.last_used_at.map(time),
        })
    }
}

/// The scope of roles that apply everywhere.
const EVERYWHERE: [u8; 16] = [0; 16];

pub(crate) fn scope(realm: Option<RealmId>) -> Vec<u8> {
    realm.map_or(EVERYWHERE, |r| r.0).to_vec()
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = roles)]
pub(crate) struct RoleRow {
    scope: Vec<u8>,
    name: String,
    permissions: String,
    created_at: i64,
}

impl RoleRow {
    pub(crate) fn new(r: &Role) -> Result<Self, StoreError> {
        let names: Vec<&str> = r.permissions.iter().map(Permission::as_str).collect();
        Ok(Self {
            scope: scope(r.realm),
            name: r.name.clone(),
            permissions: serde_json::to_string(&names)
                .map_err(|_| At { table: "roles", row: r.name.as_bytes() }.bad("permissions"))?,
            created_at: millis(r.created_at),
        })
    }
}

pub(crate) fn permissions(name: &str, json: &str) -> Result<Permissions, StoreError> {
    let at = At { table: "roles", row: name.as_bytes() };
    let names: Vec<String> = serde_json::from_str(json).map_err(|_| at.bad("permissions"))?;
    names.iter().map(|n| Permission::parse(n).ok_or_else(|| at.bad("permissions"))).collect()
}

impl TryFrom<RoleRow> for Role {
    type Error = StoreError;
    fn try_from(r: RoleRow) -> Result<Self, StoreError> {
        let at = At { table: "roles", row: r.name.as_bytes() };
        let scope: [u8; 16] = at.fixed(&r.scope)?;
        Ok(Self {
            realm: (scope != EVERYWHERE).then_some(RealmId(scope)),
            permissions: permissions(&r.name, &r.permissions)?,
            created_at: time(r.created_at),
            name: r.name,
        })
    }
}
