use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_domain_ns::{
    app::{App, TrustedSfs, Version},
    realm::{Realm, SealedRealm},
};
use countersign_ports::identity::SealedKey;
use countersign_protocol::{
    ids::{Jkt, KeyId, RealmId},
    jws,
};
use countersign_store::StoreError;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::{At, millis, time};
use crate::schema::{apps, realm_keys, realms};

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = realms, treat_none_as_default_value = false)]
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

pub(crate) fn sealed_realm(
    r: RealmRow,
    keys: &[RealmKeyRow],
    apps: &[App],
) -> Result<SealedRealm, StoreError> {
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
            settings: serde_json::from_str(&r.settings)
                .map_err(|_| At { table: "realms", row: &id.0 }.bad("settings"))?,
        },
        sealed_root: r.sealed_root,
        sealed_qr: r.sealed_qr,
        apps: apps.iter().filter(|a| a.realm == id).cloned().collect(),
    })
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = apps, treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct AppRow {
    realm: Vec<u8>,
    id: String,
    display_name: String,
    min_version: Option<String>,
    created_at: i64,
    sfs: Option<String>,
}

/// An entry of the column `sfs`.
#[derive(Serialize, Deserialize)]
struct SfsEntry {
    /// The root's public key, and thumbprints, in base64url.
    root: String,
    name: Option<String>,
    killed: Vec<String>,
}

pub(crate) fn entries(sfs: &[TrustedSfs]) -> Option<String> {
    let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let entry = |s: &TrustedSfs| SfsEntry {
        root: b64(&s.root),
        name: s.name.clone(),
        killed: s.killed.iter().map(|kid| b64(&kid.0)).collect(),
    };
    let all: Vec<_> = sfs.iter().map(entry).collect();
    (!all.is_empty()).then(|| serde_json::to_string(&all).expect("texts always serialise"))
}

fn trusted(text: Option<&str>) -> Option<Vec<TrustedSfs>> {
    let Some(text) = text else { return Some(Vec::new()) };
    let entries: Vec<SfsEntry> = serde_json::from_str(text).ok()?;
    let kid = |kid: &String| jws::bytes(kid).map(Jkt).ok();
    entries
        .into_iter()
        .map(|e| {
            let killed = e.killed.iter().map(kid).collect::<Option<_>>()?;
            Some(TrustedSfs { root: jws::bytes(&e.root).ok()?, name: e.name, killed })
        })
        .collect()
}

impl From<&App> for AppRow {
    fn from(a: &App) -> Self {
        Self {
            sfs: entries(&a.sfs),
            realm: a.realm.0.to_vec(),
            id: a.id.clone(),
            display_name: a.display_name.clone(),
            min_version: a.min_version.as_ref().map(|v| v.as_str().to_owned()),
            created_at: millis(a.created_at),
        }
    }
}

impl TryFrom<AppRow> for App {
    type Error = StoreError;
    fn try_from(r: AppRow) -> Result<Self, StoreError> {
        let at = At { table: "apps", row: r.id.as_bytes() };
        let version = |text: &String| Version::parse(text).ok_or_else(|| at.bad("min_version"));
        Ok(Self {
            realm: RealmId(at.fixed(&r.realm)?),
            min_version: r.min_version.as_ref().map(version).transpose()?,
            display_name: r.display_name,
            created_at: time(r.created_at),
            sfs: trusted(r.sfs.as_deref()).ok_or_else(|| at.bad("sfs"))?,
            id: r.id,
        })
    }
}
