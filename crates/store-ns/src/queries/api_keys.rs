use std::collections::{BTreeMap, BTreeSet};

use countersign_domain_ns::{
    api_key::{ApiKey, Granted},
    audit::{About, Stamp, changed},
    grant,
    permission::{
        builtin,
        role::{CLIENT, LATER},
    },
    ports::{KeyQuery, Page, Rotated},
};
use countersign_ports::time::Time;
use countersign_protocol::ids::ApiKeyId;
use countersign_store::StoreError;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{
    Answer, Conn, WALK, clients, insert_new, lock, roles,
    trail::{append, done_before},
};
use crate::{
    rows::{ApiKeyRow, At, millis, permissions, scope},
    schema::{api_keys, counters, roles as role_table},
};

fn about(key: &ApiKey) -> About {
    About {
        realm: key.realm,
        object: key.id.to_string(),
        client: key.client,
        user_id: None,
        detail: Some(key.role.clone()),
    }
}

/// Adds a key. False when its client or role does not exist (any more), the actor may not give the
/// role any more, or its id is taken.
pub(crate) async fn add(c: &mut Conn, key: &ApiKey, stamp: &Stamp) -> Answer<bool> {
    if let (Some(realm), Some(client)) = (key.realm, key.client)
        && !clients::hold(c, realm, client).await?
    {
        return Ok(false);
    }
    let role = roles::held_of_key(c, key.realm, &key.role).await?;
    if !role.is_some_and(|permissions| grant::still_gives(&stamp.who, permissions)) {
        return Ok(false);
    }
    if done_before(c, stamp).await? || insert_new!(c, api_keys::table, ApiKeyRow::new(key)?).await? == 0 {
        return Ok(false);
    }
    append(c, stamp, "api_key.created", &about(key)).await?;
    Ok(true)
}

pub(crate) async fn by_hash(c: &mut Conn, hash: &[u8; 32]) -> Answer<Option<Granted>> {
    let row: Option<ApiKeyRow> = api_keys::table
        .filter(api_keys::hash.eq(hash.to_vec()))
        .select(ApiKeyRow::as_select())
        .get_result(c)
        .await
        .optional()?;
    let Some(key) = row.map(ApiKey::try_from).transpose()? else { return Ok(None) };
    let there = builtin(&key.role);
    if let (Some(permissions), false) = (there, LATER.contains(&key.role.as_str())) {
        return Ok(Some(Granted { key, permissions }));
    }
    let role = role_table::table.find((scope(key.realm), key.role.clone()));
    let json: Option<String> = role.select(role_table::permissions).get_result(c).await.optional()?;
    let permissions = json.map(|json| permissions(&key.role, &json)).transpose()?;
    Ok(permissions.or(there).map(|permissions| Granted { key, permissions }))
}

pub(crate) async fn get(c: &mut Conn, id: ApiKeyId) -> Answer<Option<ApiKey>> {
    let row: Option<ApiKeyRow> =
        api_keys::table.find(id.0.to_vec()).select(ApiKeyRow::as_select()).get_result(c).await.optional()?;
    row.map(ApiKey::try_from).transpose()
}

/// The keys after the position of the query, with this selection. One filter is walked by its
/// index: the client, the realm, the role, or none.
macro_rules! walked {
    ($q:expr, $select:expr) => {{
        let mut query = api_keys::table.order(api_keys::id).select($select).into_boxed();
        if let Some(after) = $q.after {
            query = query.filter(api_keys::id.gt(after.0.to_vec()));
        }
        match ($q.client, $q.realm, $q.role.as_ref()) {
            (Some(client), ..) => query.filter(api_keys::client.eq(client.0.to_vec())),
            (None, Some(realm), _) => query.filter(api_keys::realm.eq(realm.0.to_vec())),
            (None, None, Some(role)) => query.filter(api_keys::role.eq(role.clone())),
            (None, None, None) => query,
        }
    }};
}

pub(crate) async fn list(c: &mut Conn, q: &KeyQuery) -> Answer<Page<ApiKey, ApiKeyId>> {
    let last: Option<Vec<u8>> = walked!(q, api_keys::id).offset(WALK - 1).first(c).await.optional()?;
    let mut query = walked!(q, ApiKeyRow::as_select()).limit(i64::from(q.limit));
    if let Some(last) = &last {
        query = query.filter(api_keys::id.le(last.clone()));
    }
    if let Some(realm) = q.realm {
        query = query.filter(api_keys::realm.eq(realm.0.to_vec()));
    }
    if let Some(role) = &q.role {
        query = query.filter(api_keys::role.eq(role.clone()));
    }
    query = match q.certificates {
        None => query,
        Some(true) => query.filter(api_keys::certificate.is_not_null()),
        Some(false) => query.filter(api_keys::certificate.is_null()),
    };
    let found: Vec<ApiKeyRow> = query.load(c).await?;
    let found = found.into_iter().map(ApiKey::try_from).collect::<Answer<Vec<_>>>()?;
    let last = last.map(|id| Ok::<_, StoreError>(ApiKeyId(At { table: "api_keys", row: &id }.fixed(&id)?)));
    Ok(Page::new(found, q.limit, |k| k.id, last.transpose()?))
}

/// Keys whose role could invite phones and manage people before roles were narrowed, but cannot any
/// more: those of the role `client`, and of custom roles with `users` and without `enrolments`.
/// Uses only columns that the previous release has, so that it also works before the migration.
/// Keys made since then have a lineage.
pub(crate) async fn old_client_keys(c: &mut Conn, since_narrowed: bool) -> Answer<Vec<ApiKeyId>> {
    let made: Vec<(Vec<u8>, String, String)> = role_table::table
        .select((role_table::scope, role_table::name, role_table::permissions))
        .load(c)
        .await?;
    let narrowed = |realm: &Option<Vec<u8>>, role: &str| {
        let of_key = |(scope_of, name, json): &&(Vec<u8>, String, String)| {
            let here = realm.as_ref().map_or(*scope_of == scope(None), |realm| realm == scope_of);
            here && name == role && json.contains("\"users\"") && !json.contains("\"enrolments\"")
        };
        role == CLIENT || made.iter().any(|r| of_key(&r))
    };
    let mut query = api_keys::table
        .order(api_keys::id)
        .select((api_keys::id, api_keys::realm, api_keys::role))
        .into_boxed();
    if since_narrowed {
        query = query.filter(api_keys::lineage.is_null());
    }
    let keys: Vec<(Vec<u8>, Option<Vec<u8>>, String)> = query.load(c).await?;
    let old = keys.into_iter().filter(|(_, realm, role)| narrowed(realm, role));
    old.map(|(id, ..)| Ok(ApiKeyId(At { table: "api_keys", row: &id }.fixed(&id)?))).collect()
}

/// Whether keys have a lineage in this database, which may still have the previous release's
/// schema.
pub(crate) async fn narrowed(c: &mut Conn) -> Answer<bool> {
    let n: Option<i64> =
        counters::table.find("root_key").select(counters::n).get_result(c).await.optional()?;
    Ok(n.is_some())
}

pub(crate) async fn had_root(c: &mut Conn) -> Answer<bool> {
    let n: i64 = counters::table.find("root_key").select(counters::n).get_result(c).await?;
    Ok(n > 0)
}

/// Adds the one root key that the program makes by itself. A row records whether there ever was
/// one, so that only one of several pods makes it, and a deleted key does not come back.
pub(crate) async fn add_first_root(c: &mut Conn, key: &ApiKey, stamp: &Stamp) -> Answer<bool> {
    let never = counters::table.find("root_key").filter(counters::n.eq(0));
    if diesel::update(never).set(counters::n.eq(1)).execute(c).await? == 0 {
        return Ok(false);
    }
    add(c, key, stamp).await
}

pub(crate) async fn delete(c: &mut Conn, id: ApiKeyId, stamp: &Stamp) -> Answer<bool> {
    let Some(key) = get(c, id).await? else { return Ok(false) };
    let role = roles::held_of_key(c, key.realm, &key.role).await?.unwrap_or_default();
    if !grant::still_gives(&stamp.who, role) {
        return Ok(false);
    }
    let gone = diesel::delete(api_keys::table.find(id.0.to_vec())).execute(c).await? == 1;
    if gone {
        append(c, stamp, "api_key.deleted", &about(&key)).await?;
    }
    Ok(gone)
}

/// Replaces a key with a successor. A key has one successor at a time, so that two people who both
/// have the key notice each other: another rotation replaces a successor that is unused, and a key
/// whose successor has been used cannot be rotated again.
pub(crate) async fn rotate(
    c: &mut Conn,
    old: ApiKeyId,
    until: Time,
    new: &ApiKey,
    may_outlive: bool,
    stamp: &Stamp,
) -> Answer<Rotated> {
    // The client is locked first, as in its deletion: that deletes its keys, including the newest.
    if let (Some(realm), Some(client)) = (new.realm, new.client)
        && !clients::hold(c, realm, client).await?
    {
        return Ok(Rotated::Missing);
    }
    let row: Option<ApiKeyRow> = lock!(api_keys::table.find(old.0.to_vec()).select(ApiKeyRow::as_select()))
        .get_result(c)
        .await
        .optional()?;
    let Some(key) = row.map(ApiKey::try_from).transpose()? else { return Ok(Rotated::Missing) };
    if done_before(c, stamp).await? || get(c, new.id).await?.is_some() {
        return Ok(Rotated::Taken);
    }
    // The request was judged by another role: the key has lost or gained permissions since then.
    if key.role != new.role {
        return Ok(Rotated::Missing);
    }
    let before: Option<Vec<u8>> =
        api_keys::table.find(old.0.to_vec()).select(api_keys::successor).get_result(c).await?;
    let before = before.map(|id| At { table: "api_keys", row: &id }.fixed(&id).map(ApiKeyId)).transpose()?;
    // A successor that an administrator has deleted also counts, so that rotating again does not
    // undo the deletion.
    let before = match before {
        None => None,
        Some(id) => match get(c, id).await?.filter(|s| s.last_used_at.is_none()) {
            Some(unused) => Some(unused),
            None => return Ok(Rotated::Superseded),
        },
    };
    let end = before.as_ref().map_or(key.expires_at, |unused| unused.expires_at);
    let asked =
        if may_outlive { new.expires_at.or(end) } else { [new.expires_at, end].into_iter().flatten().min() };
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
    // The old key never works longer than it would have without the rotation.
    let until = key.expires_at.map_or(until, |end| end.min(until));
    let successor = Some(new.id.0.to_vec());
    let row = api_keys::table.find(old.0.to_vec());
    diesel::update(row)
        .set((api_keys::expires_at.eq(millis(until)), api_keys::successor.eq(successor)))
        .execute(c)
        .await?;
    append(c, stamp, "api_key.rotated", &About { detail: Some(old.to_string()), ..about(&new) }).await?;
    Ok(Rotated::Done(Box::new(new)))
}

pub(crate) async fn change_role(c: &mut Conn, key: &ApiKey, role: &str, stamp: &Stamp) -> Answer<bool> {
    // Every caller locks roles in the same order, so that there is no deadlock.
    let mut held = BTreeMap::new();
    for name in BTreeSet::from([key.role.as_str(), role]) {
        held.insert(name, roles::held_of_key(c, key.realm, name).await?);
    }
    let (before, Some(after)) = (held[key.role.as_str()].unwrap_or_default(), held[role]) else {
        return Ok(false);
    };
    let may = [before, after].into_iter().all(|permissions| grant::still_gives(&stamp.who, permissions));
    if !may || grant::raises_another(&stamp.who, key.lineage, before, after) {
        return Ok(false);
    }
    let row = api_keys::table.find(key.id.0.to_vec()).filter(api_keys::role.eq(key.role.clone()));
    if diesel::update(row).set(api_keys::role.eq(role.to_owned())).execute(c).await? == 0 {
        return Ok(false);
    }
    let detail = changed("role", key.role.as_str(), role);
    append(c, stamp, "api_key.changed", &About { detail, ..about(key) }).await?;
    Ok(true)
}

pub(crate) async fn touch(c: &mut Conn, id: ApiKeyId, at: Time) -> Answer<()> {
    diesel::update(api_keys::table.find(id.0.to_vec()))
        .set(api_keys::last_used_at.eq(millis(at)))
        .execute(c)
        .await?;
    Ok(())
}
