//! What a first start makes: database, master key, root API key, a realm.

use std::sync::Arc;

use countersign_actors::Realms;
use countersign_domain::{
    api_key::ApiKey, audit::Actor, permission::role, ports::Ports, realm::RealmSettings, refused::Stop, vault::Vault,
};
use countersign_kv::MemoryKv;
use countersign_protocol::ids::ApiKeyId;
use countersign_store_ns::NsStore;

use super::StartError;
use crate::{
    config::Config,
    data_dir::DataDir,
    ports::{OsRandom, WallClock},
};

/// The real ports. Migrates the database, so it runs before the actor system starts.
pub(super) fn ports(data: &DataDir, config: &Config) -> Result<Ports, StartError> {
    let random = Arc::new(OsRandom);
    let given = Some(config.keys.master_key_file.as_path()).filter(|p| !p.as_os_str().is_empty());
    let master = data.master_key(given, &*random)?;
    let store = NsStore::open_sqlite(&data.file("ns.sqlite")).map_err(|e| StartError::Store(e.to_string()))?;
    let clock = Arc::new(WallClock);
    Ok(Ports { store: Arc::new(store), live: Arc::new(MemoryKv::new(clock.clone())), clock, random, vault: Arc::new(Vault::new(&master)) })
}

/// Makes sure that the key in `root-api-key` works, unless an administrator has replaced it.
pub(super) async fn root_key(ports: &Ports, data: &DataDir) -> Result<(), StartError> {
    let (secret, fresh) = data.root_api_key(&*ports.random)?;
    let known = ports.store.api_keys(None, None, 1000).await?;
    let replaced = known.iter().any(|k| k.is_root() && k.hash != secret.hash());
    if known.iter().any(|k| k.hash == secret.hash()) || (replaced && !fresh) {
        return Ok(());
    }
    let key = ApiKey::plain(ApiKeyId(ports.fresh_id()), &secret, role::ROOT, None, ports.now());
    ports.store.add_api_key(&key, &ports.stamp(Actor::System)).await?;
    Ok(())
}

/// The realm, made when it is missing.
pub(super) async fn realm(
    realms: &Realms,
    name: &str,
    display_name: &str,
) -> Result<Arc<countersign_domain::realm::OpenRealm>, StartError> {
    if let Some(realm) = realms.by_name(name).await? {
        return Ok(realm);
    }
    realms.create(name, display_name, RealmSettings::default(), Actor::System).await.map_err(|stop| match stop {
        Stop::Refused(why) => StartError::Other(format!("the realm {name} cannot be made: {}", why.as_str())),
        Stop::Limited(_) => StartError::Other(format!("the realm {name} cannot be made now")),
        Stop::Fault(fault) => fault.into(),
    })
}
