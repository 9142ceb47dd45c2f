//! What a first start makes: the database, the master key, the root API key and a realm.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use countersign_actors_ns::Realms;
use countersign_domain_ns::{
    audit::Actor,
    handles::ApiKeys,
    ports::{Directory, Meter, Ports},
    realm::RealmSettings,
    refused::{Refused, Stop},
};
use countersign_edge::{metrics::Metric, observed::Part};
use countersign_kv::{Login, MemoryKv, RedisKv, RedisUrl};
use countersign_kv_ns::{MemoryLive, RedisLive};
use countersign_ns::{
    Storage,
    metrics::{self, Metrics},
};
use countersign_ports::vault::Vault;
use countersign_server_url::Password;
use countersign_store::{
    StoreError,
    lite::Writing,
    migrate::{What, migrate},
    url::{DatabaseUrl, TlsMode, TlsOptions},
};
use countersign_store_ns::{NsStore, migrations};
use tokio::runtime::Handle;

use super::StartError;
use crate::{
    config::{Config, Database, Kv},
    data_dir::{DATABASE, DataDir},
    ports::{OsRandom, WallClock},
    secret_files, telemetry,
};

/// NS's ports with their adapters, and what observes them.
pub(super) struct Behind {
    pub(super) ports: Ports,
    /// Updates the metrics of the storage.
    pub(super) storage: Storage,
    /// The parts that readiness checks.
    pub(super) parts: Vec<Part>,
    pub(super) metrics: Metrics,
    /// The embedded database.
    pub(super) file: Option<PathBuf>,
}

/// The URL of NS's database, and the TLS options of connections to it.
pub(super) fn database(data: &DataDir, config: &Config) -> Result<(DatabaseUrl, TlsOptions), StartError> {
    let d = &config.database;
    let url = match &d.url.0 {
        Some(url) => url.clone(),
        None => DatabaseUrl::Sqlite(data.database(DATABASE)?),
    };
    Ok((url, tls("database", d)?))
}

/// The TLS options of connections to a database.
pub(super) fn tls(section: &str, d: &Database) -> Result<TlsOptions, StartError> {
    let file = |path: &PathBuf| Some(path.clone()).filter(|p| !p.as_os_str().is_empty());
    let identity = match (file(&d.client_certificate_file), file(&d.client_key_file)) {
        (Some(certificate), Some(key)) => {
            let refuse = |e| StartError::Other(format!("{section}.client_key_file = {}: {e}", key.display()));
            secret_files::check(&key).map_err(refuse)?;
            Some((certificate, key))
        }
        (None, None) => None,
        _ => {
            return Err(StartError::Other(format!(
                "set both {section}.client_certificate_file and {section}.client_key_file, or neither"
            )));
        }
    };
    let mode = match (d.tls.0, d.url.0.as_ref().and_then(DatabaseUrl::tls_mode)) {
        (TlsMode::Auto, Some(mode)) => mode,
        (mode, Some(other)) if mode != other => {
            let (mode, other) = (mode.as_str(), other.as_str());
            return Err(StartError::Other(format!(
                "{section}.tls = {mode:?}, but the parameter of {section}.url asks for {other:?}; one \
                    of them must go"
            )));
        }
        (mode, _) => mode,
    };
    Ok(TlsOptions { mode, ca: file(&d.ca_file), identity })
}

fn store_error(e: StoreError) -> StartError {
    StartError::Store(e.to_string())
}

/// Makes the real ports. This migrates the database, so it runs before the actor system starts, on
/// the runtime on which connections will run.
pub(super) async fn ports(data: &DataDir, config: &Config, metrics: Metrics) -> Result<Behind, StartError> {
    let (random, clock, rt) = (Arc::new(OsRandom), Arc::new(WallClock), Handle::current());
    let (url, tls) = database(data, config)?;
    migrate(&url, &tls, migrations(), What::Run).await.map_err(store_error)?;
    let store = NsStore::open(&url, &tls, config.database.connections, &rt).await.map_err(store_error)?;
    let sealed = (!store.realms().await?.is_empty()).then(|| url.to_string());
    let given = Some(config.keys.master_key_file.as_path()).filter(|p| !p.as_os_str().is_empty());
    let master = data.master_key(given, &*random, sealed.as_deref())?;
    let vault = Arc::new(Vault::new(&master));
    let file = url.file().map(PathBuf::from);
    let meter: Arc<dyn Meter> = Arc::new(metrics.clone());
    let truth = Arc::new(store.clone());
    let database = Part { name: "database", probe: truth.clone() };
    let Some(redis) = redis_url(config)? else {
        let kv = Arc::new(MemoryKv::new(clock.clone()));
        let live = Arc::new(MemoryLive::new(kv.clone()));
        let parts = vec![database, Part { name: "live state", probe: kv.clone() }];
        let storage = storage(store, Some((kv.clone(), live.clone())));
        let (bus, presence, counters) = (kv.clone(), kv.clone(), kv);
        return Ok(Behind {
            ports: Ports { store: truth, live, bus, presence, counters, clock, random, vault, meter },
            storage,
            parts,
            metrics,
            file,
        });
    };
    let kv = Arc::new(RedisKv::open(&redis, config.kv.prefix.as_str(), clock.clone(), &rt).await?);
    let live = Arc::new(RedisLive::new(kv.clone()));
    let parts = vec![database, Part { name: "live state", probe: kv.clone() }];
    let (bus, presence, counters) = (kv.clone(), kv.clone(), kv);
    let ports = Ports { store: truth, live, bus, presence, counters, clock, random, vault, meter };
    Ok(Behind { ports, storage: storage(store, None), parts, metrics, file })
}

/// The URL of Redis with everything that the settings say about it; `None` for the memory of this
/// process.
fn redis_url(config: &Config) -> Result<Option<RedisUrl>, StartError> {
    let Kv { url, ca_file, sentinel_user, sentinel_password, .. } = &config.kv;
    let Some(mut url) = url.0.clone() else { return Ok(None) };
    let refuse = |key: &str, e: &dyn std::fmt::Display| StartError::Other(format!("{key}: {e}"));
    if !ca_file.as_os_str().is_empty() {
        let ca =
            std::fs::read(ca_file).map_err(|e| refuse(&format!("kv.ca_file = {}", ca_file.display()), &e))?;
        url = url.trusting(ca).map_err(|e| refuse("kv.ca_file", &e))?;
    }
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let login =
        Login { user: given(sentinel_user), password: given(&sentinel_password.0).map(Password::new) };
    url.with_sentinel_login(login).map(Some).map_err(|e| refuse("kv.sentinel_password", &e))
}

/// Copies the counters of writes, and of lost lines of the log, into the metrics. Only one task may
/// call this at a time.
pub(super) fn count_writes(metrics: &countersign_edge::metrics::Metrics, writing: Writing) {
    metrics.catch_up(Metric::LogLost, telemetry::lost());
    metrics.catch_up(Metric::StoreCommits, writing.commits);
    metrics.catch_up(Metric::StoreWrites, writing.writes);
    metrics.catch_up(Metric::StoreFailed, writing.failed);
    metrics.set(Metric::StoreWaiting, &[], i64::try_from(writing.waiting).unwrap_or(i64::MAX));
}

/// Makes the function that updates the metrics of the storage. It measures `memory`, which removes
/// what has expired there; Redis has its own tools.
fn storage(store: NsStore, memory: Option<(Arc<MemoryKv>, Arc<MemoryLive>)>) -> Storage {
    let one_at_a_time = Mutex::new(());
    Arc::new(move |metrics: &Metrics| {
        let _turn = one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        count_writes(&metrics.shared, store.writing());
        let Some((kv, live)) = &memory else { return };
        let (shared, size) = (kv.size(), live.size());
        let kinds = [
            ("logins", size.logins),
            ("notes", size.notes),
            ("counters", shared.counters),
            ("heard", shared.heard),
            ("quarantined", size.quarantined),
        ];
        for (kind, n) in kinds {
            metrics.own.set(metrics::Metric::KvEntries, &[kind], count(n));
        }
    })
}

/// Makes the first root key in a database that never had one. Pods that share a database make one
/// between them, and a deleted key does not come back, even if its file is still there.
pub(super) async fn root_key(ports: &Ports, data: &DataDir) -> Result<(), StartError> {
    let keys = ApiKeys::new(ports.clone());
    if keys.had_root().await? {
        if let Some(old) = data.root_api_key()?
            && !keys.knows(&old).await?
        {
            let file = data.file("root-api-key");
            tracing::warn!(file = %file.display(), "the root API key in this file does not work, or no \
                longer works; remove the file");
        }
        return Ok(());
    }
    let (secret, fresh) = data.make_root_api_key(&*ports.random)?;
    if !keys.add_first_root(&secret).await? && fresh {
        // Another pod was faster, so its key is valid and this one is not.
        data.drop_root_api_key()?;
    }
    Ok(())
}

/// Returns the realm, and makes it if it is missing.
pub(super) async fn realm(
    realms: &Realms,
    name: &str,
    display_name: &str,
) -> Result<Arc<countersign_domain_ns::realm::OpenRealm>, StartError> {
    // `all` shows what was read just now. `by_name` would wait and read the database again if the
    // realm is missing.
    if realms.all().iter().any(|realm| realm.name == name)
        && let Some(realm) = realms.by_name(name).await?
    {
        return Ok(realm);
    }
    let made = realms.create(name, display_name, RealmSettings::default(), Actor::System).await;
    if let Err(Stop::Refused(Refused::AlreadyExists)) = &made
        && let Some(realm) = realms.by_name(name).await?
    {
        // Another pod was faster.
        return Ok(realm);
    }
    made.map_err(|stop| match stop {
        Stop::Refused(why) => StartError::Other(format!("the realm {name} cannot be made: {}", why.as_str())),
        Stop::Limited(_) => StartError::Other(format!("the realm {name} cannot be made now")),
        Stop::Fault(fault) => fault.into(),
    })
}
