use std::collections::BTreeMap;

use countersign_domain_ns::audit::{About, Stamp};
use countersign_protocol::ids::RealmId;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Answer, Conn, holds, trail::append, users};
use crate::schema::user_attributes as a;

pub(crate) async fn get(c: &mut Conn, realm: RealmId, user_id: &str) -> Answer<BTreeMap<String, String>> {
    let mine = a::table.filter(a::realm.eq(realm.0.to_vec())).filter(a::user_id.eq(user_id.to_owned()));
    let found: Vec<(String, String)> = mine.select((a::name, a::value)).load(c).await?;
    Ok(found.into_iter().collect())
}

pub(crate) async fn set(
    c: &mut Conn,
    realm: RealmId,
    user_id: &str,
    change: &BTreeMap<String, Option<String>>,
    stamp: &Stamp,
) -> Answer<Option<bool>> {
    if !users::hold(c, realm, user_id).await? {
        return Ok(Some(false));
    }
    // Under a legal hold existing attributes must not change, but new ones may be added.
    let there = get(c, realm, user_id).await?;
    if change.keys().any(|name| there.contains_key(name)) && holds::get(c, realm, user_id).await?.is_some() {
        return Ok(None);
    }
    for (name, value) in change {
        diesel::delete(a::table.find((realm.0.to_vec(), user_id.to_owned(), name.clone())))
            .execute(c)
            .await?;
        if let Some(value) = value {
            let values = (
                a::realm.eq(realm.0.to_vec()),
                a::user_id.eq(user_id.to_owned()),
                a::name.eq(name.clone()),
                a::value.eq(value.clone()),
            );
            diesel::insert_into(a::table).values(values).execute(c).await?;
        }
    }
    let names: Vec<&str> = change.keys().map(String::as_str).collect();
    append(
        c,
        stamp,
        "user.attributes",
        &About::of(realm, user_id).user(user_id).detail(Some(names.join(" "))),
    )
    .await?;
    Ok(Some(true))
}

pub(crate) async fn delete_all(c: &mut Conn, realm: RealmId, user_id: &str) -> Answer<()> {
    let mine = a::table.filter(a::realm.eq(realm.0.to_vec())).filter(a::user_id.eq(user_id.to_owned()));
    diesel::delete(mine).execute(c).await?;
    Ok(())
}
