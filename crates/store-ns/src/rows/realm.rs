use countersign_domain::realm::{Realm, SealedKey, SealedRealm};
use countersign_protocol::ids::{KeyId, RealmId};
use countersign_store::StoreError;
use diesel::prelude::*;

use super::{At, millis, time};
use crate::schema::{realm_keys, realms};

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = realms)]
pub(crate) struct RealmRow {
    id: Vec<u8>,
    name: String,
    display_name: String,
    created_at: i64,
    settings: String,
    root_pin: Vec<u8>,
    sealed_root: Option<Vec<u8>>,
    sealed_qr: Vec<u8>,
}

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = realm_keys)]
pub(crate) struct RealmKeyRow {
    pub(crate) realm: Vec<u8>,
    key_id: Vec<u8>,
    epoch: i64,
    public_key: Vec<u8>,
    sealed: Vec<u8>,
    statement: Vec<u8>,
}

impl RealmRow {
    pub(crate) fn new(r: &SealedRealm) -> Result<Self, StoreError> {
        let at = At { table: "realms", row: &r.realm.id.0 };
        Ok(Self {
            id: r.realm.id.0.to_vec(),
            name: r.realm.name.clone(),
            display_name: r.realm.display_name.clone(),
            created_at: millis(r.realm.created_at),
            settings: serde_json::to_string(&r.realm.settings).map_err(|_| at.bad("settings"))?,
            root_pin: r.root_pin.to_vec(),
            sealed_root: r.sealed_root.clone(),
            sealed_qr: r.sealed_qr.clone(),
        })
    }
}

impl RealmKeyRow {
    pub(crate) fn new(realm: RealmId, k: &SealedKey) -> Self {
        Self {
            realm: realm.0.to_vec(),
            key_id: k.key_id.0.to_vec(),
            epoch: i64::try_from(k.epoch).unwrap_or(i64::MAX),
            public_key: k.public.to_vec(),
            sealed: k.sealed.clone(),
            statement: k.statement.clone(),
        }
    }
}

pub(crate) fn sealed_realm(r: RealmRow, keys: &[RealmKeyRow]) -> Result<SealedRealm, StoreError> {
    let at = At { table: "realms", row: &r.id };
    let id = RealmId(at.fixed(&r.id)?);
    let keys = keys.iter().filter(|k| k.realm == r.id).map(|k| {
        Ok(SealedKey {
            key_id: KeyId(at.fixed(&k.key_id)?),
            epoch: u64::try_from(k.epoch).unwrap_or(0),
            public: at.fixed(&k.public_key)?,
            sealed: k.sealed.clone(),
            statement: k.statement.clone(),
        })
    });
    Ok(SealedRealm {
        root_pin: at.fixed(&r.root_pin)?,
        keys: keys.collect::<Result<_, StoreError>>()?,
        realm: Realm {
            id,
            name: r.name,
            display_name: r.display_name,
            created_at: time(r.created_at),
            settings: serde_json::from_str(&r.settings).map_err(|_| At { table: "realms", row: &id.0 }.bad("settings"))?,
        },
        sealed_root: r.sealed_root,
        sealed_qr: r.sealed_qr,
    })
}
