use countersign_domain::{
    api_key::{ApiKey, Granted},
    audit::{About, Stamp},
    permission::builtin,
    ports::Rotated,
    time::Time,
};
use countersign_protocol::ids::{ApiKeyId, ClientId, RealmId};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{
    Answer, Conn, clients, insert_new, lock, roles,
    trail::{append, done_before},
};
use crate::{
    rows::{ApiKeyRow, At, millis, permissions, scope},
    schema::{api_keys, roles as role_table},
};

fn about(key: &ApiKey) -> About {
    About { realm: key.realm, object: key.id.to_string(), client: key.client, user_id: None, detail: Some(key.role.clone()) }
}

/// False when it is for a client or role that is not there (any more), or its id is taken.
pub(crate) async fn add(c: &mut Conn, key: &ApiKey, stamp: &Stamp) -> Answer<bool> {
    if let (Some(realm), Some(client)) = (key.realm, key.client)
        && !clients::hold(c, realm, client).await?
    {
        return Ok(false);
    }
    if builtin(&key.role).is_none() && !roles::hold(c, key.realm, &key.role).await? {
        return Ok(false);
    }
    if done_before(c, stamp).await? || insert_new!(c, api_keys::table, ApiKeyRow::new(key)?).await? == 0 {
        return Ok(false);
    }
    append(c, stamp, "api_key.created", &about(key)).await?;
    Ok(true)
}

pub(crate) async fn by_hash(c: &mut Conn, hash: &[u8; 32]) -> Answer<Option<Granted>> {
    let row: Option<ApiKeyRow> =
        api_keys::table.filter(api_keys::hash.eq(hash.to_vec())).select(ApiKeyRow::as_select()).get_result(c).await.optional()?;
    let Some(key) = row.map(ApiKey::try_from).transpose()? else { return Ok(None) };
    if let Some(permissions) = builtin(&key.role) {
        return Ok(Some(Granted { key, permissions }));
    }
    let role = role_table::table.find((scope(key.realm), key.role.clone()));
    let json: Option<String> = role.select(role_table::permissions).get_result(c).await.optional()?;
    let permissions = json.map(|json| permissions(&key.role, &json)).transpose()?;
    Ok(permissions.map(|permissions| Granted { key, permissions }))
}

pub(crate) async fn get(c: &mut Conn, id: ApiKeyId) -> Answer<Option<ApiKey>> {
    let row: Option<ApiKeyRow> = api_keys::table.find(id.0.to_vec()).select(ApiKeyRow::as_select()).get_result(c).await.optional()?;
    row.map(ApiKey::try_from).transpose()
}

pub(crate) async fn list(
    c: &mut Conn,
    realm: Option<RealmId>,
    client: Option<ClientId>,
    certificates: Option<bool>,
    after: Option<ApiKeyId>,
    limit: i64,
) -> Answer<Vec<ApiKey>> {
    let mut query = api_keys::table.order(api_keys::id).limit(limit).select(ApiKeyRow::as_select()).into_boxed();
    if let Some(realm) = realm {
        query = query.filter(api_keys::realm.eq(realm.0.to_vec()));
    }
    if let Some(client) = client {
        query = query.filter(api_keys::client.eq(client.0.to_vec()));
    }
    query = match certificates {
        None => query,
        Some(true) => query.filter(api_keys::certificate.is_not_null()),
        Some(false) => query.filter(api_keys::certificate.is_null()),
    };
    if let Some(after) = after {
        query = query.filter(api_keys::id.gt(after.0.to_vec()));
    }
    let found: Vec<ApiKeyRow> = query.load(c).await?;
    found.into_iter().map(ApiKey::try_from).collect()
}

pub(crate) async fn delete(c: &mut Conn, id: ApiKeyId, stamp: &Stamp) -> Answer<bool> {
    let Some(key) = get(c, id).await? else { return Ok(false) };
    let gone = diesel::delete(api_keys::table.find(id.0.to_vec())).execute(c).await? == 1;
    if gone {
        append(c, stamp, "api_key.deleted", &about(&key)).await?;
    }
    Ok(gone)
}

/// A key has one successor at a time, and two people who both have the key notice each other: whoever rotates it again takes an unused successor's place, and
/// nobody follows a key whose successor works.
pub(crate) async fn rotate(c: &mut Conn, old: ApiKeyId, until: Time, new: &ApiKey, may_outlive: bool, stamp: &Stamp) -> Answer<Rotated> {
    let row: Option<ApiKeyRow> =
        lock!(api_keys::table.find(old.0.to_vec()).select(ApiKeyRow::as_select())).get_result(c).await.optional()?;
    let Some(key) = row.map(ApiKey::try_from).transpose()? else { return Ok(Rotated::Missing) };
    if done_before(c, stamp).await? || get(c, new.id).await?.is_some() {
        return Ok(Rotated::Taken);
    }
    let before: Option<Vec<u8>> = api_keys::table.find(old.0.to_vec()).select(api_keys::successor).get_result(c).await?;
    let before = before.map(|id| At { table: "api_keys", row: &id }.fixed(&id).map(ApiKeyId)).transpose()?;
    // One that an administrator has deleted counts, too: what he ended does not go on under another name.
    let before = match before {
        None => None,
        Some(id) => match get(c, id).await?.filter(|s| s.last_used_at.is_none()) {
            Some(unused) => Some(unused),
            None => return Ok(Rotated::Superseded),
        },
    };
    let end = before.as_ref().map_or(key.expires_at, |unused| unused.expires_at);
    let asked = if may_outlive { new.expires_at.or(end) } else { [new.expires_at, end].into_iter().flatten().min() };
    if asked.is_some_and(|end| end <= stamp.now) {
        return Ok(Rotated::Over);
    }
    if let Some(unused) = before {
        diesel::delete(api_keys::table.find(unused.id.0.to_vec())).execute(c).await?;
        append(c, &stamp.part(0), "api_key.deleted", &about(&unused)).await?;
    }
    let new = ApiKey { expires_at: asked, ..new.clone() };
    if insert_new!(c, api_keys::table, ApiKeyRow::new(&new)?).await? == 0 {
        return Ok(Rotated::Taken);
    }
    // The old one never works longer than it would have.
    let until = key.expires_at.map_or(until, |end| end.min(until));
    let successor = Some(new.id.0.to_vec());
    let row = api_keys::table.find(old.0.to_vec());
    diesel::update(row).set((api_keys::expires_at.eq(millis(until)), api_keys::successor.eq(successor))).execute(c).await?;
    append(c, stamp, "api_key.rotated", &About { detail: Some(old.to_string()), ..about(&new) }).await?;
    Ok(Rotated::Done(Box::new(new)))
}

pub(crate) async fn touch(c: &mut Conn, id: ApiKeyId, at: Time) -> Answer<()> {
    diesel::update(api_keys::table.find(id.0.to_vec())).set(api_keys::last_used_at.eq(millis(at))).execute(c).await?;
    Ok(())
}
