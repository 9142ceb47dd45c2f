use countersign_domain_ns::{
    audit::{About, Stamp, difference},
    realm::{Realm, RealmSettings, SealedRealm},
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Answer, Conn, apps, insert_new, lock, trail::append};
use crate::{
    rows::{RealmKeyRow, RealmRow, sealed_realm},
    schema::{realm_keys, realms},
};

pub(crate) async fn add(c: &mut Conn, realm: &SealedRealm, stamp: &Stamp) -> Answer<bool> {
    if insert_new!(c, realms::table, RealmRow::new(realm)?).await? == 0 {
        return Ok(false);
    }
    for key in &realm.keys {
        diesel::insert_into(realm_keys::table)
            .values(RealmKeyRow::new(realm.realm.id, key))
            .execute(c)
            .await?;
    }
    append(c, stamp, "realm.created", &About::of(realm.realm.id, &realm.realm.name)).await?;
    Ok(true)
}

pub(crate) async fn all(c: &mut Conn) -> Answer<Vec<SealedRealm>> {
    let found: Vec<RealmRow> =
        realms::table.order(realms::created_at).select(RealmRow::as_select()).load(c).await?;
    let keys: Vec<RealmKeyRow> = realm_keys::table
        .filter(realm_keys::retired_at.is_null())
        .order(realm_keys::epoch.desc())
        .select(RealmKeyRow::as_select())
        .load(c)
        .await?;
    let apps = apps::all(c).await?;
    found.into_iter().map(|r| sealed_realm(r, &keys, &apps)).collect()
}

/// Changes a realm only if it still is as `before`, so that of two changes of different members
/// none is lost.
pub(crate) async fn change(c: &mut Conn, before: &Realm, realm: &Realm, stamp: &Stamp) -> Answer<bool> {
    let row = realms::table.find(before.id.0.to_vec()).select((realms::display_name, realms::settings));
    let there: Option<(String, String)> = lock!(row).get_result(c).await.optional()?;
    let same = there.is_some_and(|(display_name, settings)| {
        display_name == before.display_name
            && serde_json::from_str(&settings).is_ok_and(|s: RealmSettings| s == before.settings)
    });
    if !same {
        return Ok(false);
    }
    let settings = serde_json::to_string(&realm.settings)
        .map_err(|_| crate::rows::At { table: "realms", row: &realm.id.0 }.bad("settings"))?;
    let set = (realms::display_name.eq(realm.display_name.clone()), realms::settings.eq(settings));
    let changed = diesel::update(realms::table.find(realm.id.0.to_vec())).set(set).execute(c).await? == 1;
    if changed {
        let told = |r: &Realm| serde_json::json!({"display_name": r.display_name, "settings": r.settings});
        let detail = difference(&told(before), &told(realm));
        if before.settings.keeps_more_than(&realm.settings) {
            let about = About::of(realm.id, &realm.name).detail(detail.clone());
            append(c, &stamp.part(1), "realm.retention_lowered", &about).await?;
        }
        append(c, stamp, "realm.changed", &About::of(realm.id, &realm.name).detail(detail)).await?;
    }
    Ok(changed)
}

pub(crate) async fn ping(c: &mut Conn) -> Answer<()> {
    let _: Option<Vec<u8>> = realms::table.select(realms::id).first(c).await.optional()?;
    Ok(())
}
