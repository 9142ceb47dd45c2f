use countersign_domain::{
    api_key::{ApiKey, Role},
    audit::Stamp,
};
use countersign_protocol::ids::{ApiKeyId, RealmId};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Answer, Conn, audit, clients};
use crate::{rows::ApiKeyRow, schema::api_keys};

pub(crate) fn realm_of(role: Role) -> Option<RealmId> {
    match role {
        Role::Root => None,
        Role::RealmAdmin(realm) | Role::Client(realm, _) => Some(realm),
    }
}

/// False when it is for a client that is not there (any more).
pub(crate) async fn add(c: &mut Conn, key: &ApiKey, stamp: &Stamp) -> Answer<bool> {
    if let Role::Client(realm, client) = key.role
        && clients::get(c, realm, client).await?.is_none()
    {
        return Ok(false);
    }
    diesel::insert_into(api_keys::table).values(ApiKeyRow::from(key)).execute(c).await?;
    audit::append(c, stamp, realm_of(key.role), "api_key.created", &key.id.to_string()).await?;
    Ok(true)
}

pub(crate) async fn by_hash(c: &mut Conn, hash: &[u8; 32]) -> Answer<Option<ApiKey>> {
    let row: Option<ApiKeyRow> =
        api_keys::table.filter(api_keys::hash.eq(hash.to_vec())).select(ApiKeyRow::as_select()).first(c).await.optional()?;
    row.map(ApiKey::try_from).transpose()
}

pub(crate) async fn get(c: &mut Conn, id: ApiKeyId) -> Answer<Option<ApiKey>> {
    let row: Option<ApiKeyRow> = api_keys::table.find(id.0.to_vec()).select(ApiKeyRow::as_select()).first(c).await.optional()?;
    row.map(ApiKey::try_from).transpose()
}

pub(crate) async fn list(c: &mut Conn, realm: Option<RealmId>) -> Answer<Vec<ApiKey>> {
    let mut query = api_keys::table.order(api_keys::created_at).select(ApiKeyRow::as_select()).into_boxed();
    if let Some(realm) = realm {
        query = query.filter(api_keys::realm.eq(realm.0.to_vec()));
    }
    let found: Vec<ApiKeyRow> = query.load(c).await?;
    found.into_iter().map(ApiKey::try_from).collect()
}

pub(crate) async fn delete(c: &mut Conn, id: ApiKeyId, stamp: &Stamp) -> Answer<bool> {
    let Some(key) = get(c, id).await? else { return Ok(false) };
    let gone = diesel::delete(api_keys::table.find(id.0.to_vec())).execute(c).await? == 1;
    if gone {
        audit::append(c, stamp, realm_of(key.role), "api_key.deleted", &id.to_string()).await?;
    }
    Ok(gone)
}
