use countersign_domain::{audit::Stamp, realm::SealedRealm};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Answer, Conn, audit, insert_new};
use crate::{
    rows::{RealmKeyRow, RealmRow, sealed_realm},
    schema::{realm_keys, realms},
};

pub(crate) async fn add(c: &mut Conn, realm: &SealedRealm, stamp: &Stamp) -> Answer<bool> {
    if insert_new!(c, realms::table, RealmRow::new(realm)?).await? == 0 {
        return Ok(false);
    }
    for key in &realm.keys {
        diesel::insert_into(realm_keys::table).values(RealmKeyRow::new(realm.realm.id, key)).execute(c).await?;
    }
    audit::append(c, stamp, Some(realm.realm.id), "realm.created", &realm.realm.name).await?;
    Ok(true)
}

pub(crate) async fn all(c: &mut Conn) -> Answer<Vec<SealedRealm>> {
    let found: Vec<RealmRow> = realms::table.order(realms::created_at).select(RealmRow::as_select()).load(c).await?;
    let keys: Vec<RealmKeyRow> = realm_keys::table
        .filter(realm_keys::retired_at.is_null())
        .order(realm_keys::epoch.desc())
        .select(RealmKeyRow::as_select())
        .load(c)
        .await?;
    found.into_iter().map(|r| sealed_realm(r, &keys)).collect()
}

pub(crate) async fn ping(c: &mut Conn) -> Answer<()> {
    let _: Option<Vec<u8>> = realms::table.select(realms::id).first(c).await.optional()?;
    Ok(())
}
