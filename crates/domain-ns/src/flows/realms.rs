//! Making realms. The realms' book (`actors/ns`) notifies the other pods.

use countersign_ports::{identity::SealedIdentity, secret::Secret};
use countersign_protocol::ids::RealmId;

use crate::{
    Refused,
    audit::Who,
    ports::Ports,
    realm::{Realm, RealmSettings, SealedRealm, qr_place},
    refused::Stop,
};

/// A realm to be made.
#[derive(Clone, Debug)]
pub struct NewRealm {
    /// Its identity is sealed for this id.
    pub id: RealmId,
    /// The name in URLs; its form has been checked.
    pub name: String,
    pub display_name: String,
    pub settings: RealmSettings,
}

/// Makes a realm with this identity, whose codes are derived from `qr_key`.
///
/// # Errors
/// [`Refused::AlreadyExists`] when the name is taken.
pub async fn create(
    ports: &Ports,
    new: NewRealm,
    identity: SealedIdentity,
    qr_key: &Secret<32>,
    who: Who,
) -> Result<(), Stop> {
    let NewRealm { id, name, display_name, settings } = new;
    let sealed = SealedRealm {
        realm: Realm { id, name, display_name, created_at: ports.now(), settings },
        root_pin: identity.root_pin,
        sealed_root: Some(identity.sealed_root),
        sealed_qr: ports.vault.seal(&*ports.random, &qr_place(id), qr_key.expose()),
        keys: vec![identity.key],
        apps: Vec::new(),
    };
    if ports.store.add_realm(&sealed, &ports.stamp(who)).await? {
        Ok(())
    } else {
        Err(Refused::AlreadyExists.into())
    }
}
