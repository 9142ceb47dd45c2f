//! What a first start makes: database, master key, root API key, a realm.

use std::sync::{Arc, Mutex, PoisonError};

use countersign_actors::Realms;
use countersign_domain::{
    api_key::ApiKey,
    audit::Actor,
    permission::role,
    ports::{Meter, Ports},
    realm::RealmSettings,
    refused::Stop,
    vault::Vault,
};
use countersign_edge::{
    admin::Storage,
    metrics::{Metric, Metrics},
};
use countersign_kv::MemoryKv;
use countersign_protocol::ids::ApiKeyId;
use countersign_store_ns::NsStore;

use super::StartError;
use crate::{
    config::Config,
    data_dir::{DATABASE, DataDir},
    ports::{OsRandom, WallClock},
};

/// What stands behind the ports.
pub(super) struct Behind {
    pub(super) ports: Ports,
    /// Asks the storage how it is.
    pub(super) storage: Storage,
}

/// The real ports. Migrates the database, so it runs before the actor system starts.
pub(super) fn ports(data: &DataDir, config: &Config, meter: Arc<dyn Meter>) -> Result<Behind, StartError> {
    let random = Arc::new(OsRandom);
    let given = Some(config.keys.master_key_file.as_path()).filter(|p| !p.as_os_str().is_empty());
    let master = data.master_key(given, &*random)?;
    let store = NsStore::open_sqlite(&data.database(DATABASE)?).map_err(|e| StartError::Store(e.to_string()))?;
    let clock = Arc::new(WallClock);
    let live = Arc::new(MemoryKv::new(clock.clone()));
    let storage = storage(store.clone(), live.clone());
    let vault = Arc::new(Vault::new(&master));
    Ok(Behind { ports: Ports { store: Arc::new(store), live, clock, random, vault, meter }, storage })
}

fn storage(store: NsStore, live: Arc<MemoryKv>) -> Storage {
    let one_at_a_time = Mutex::new(());
    Arc::new(move |metrics: &Metrics| {
        let _turn = one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let (writing, size) = (store.writing(), live.size());
        metrics.catch_up(Metric::StoreCommits, writing.commits);
        metrics.catch_up(Metric::StoreWrites, writing.writes);
        metrics.catch_up(Metric::StoreFailed, writing.failed);
        metrics.set(Metric::StoreWaiting, &[], count(writing.waiting));
        let kinds = [
            ("logins", size.logins),
            ("notes", size.notes),
            ("counters", size.counters),
            ("heard", size.heard),
            ("quarantined", size.quarantined),
        ];
        for (kind, n) in kinds {
            metrics.set(Metric::KvEntries, &[kind], count(n));
        }
    })
}

/// Makes sure that the key in `root-api-key` works, unless an administrator has replaced it.
pub(super) async fn root_key(ports: &Ports, data: &DataDir) -> Result<(), StartError> {
    let (secret, fresh) = data.root_api_key(&*ports.random)?;
    let known = ports.store.api_keys(None, None, None, 1000).await?;
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
