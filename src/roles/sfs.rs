//! SFS as a service of this program.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_actors_sfs::{Heart, Settings};
use countersign_actors_shell::{Deaths, Supervision};
use countersign_api::Ready;
use countersign_domain_sfs::{
    limits::Limit,
    policy::Rules,
    ports::{Limits, Ports, Store},
};
use countersign_edge::{
    metrics::{Exposition, Metric},
    observed::{self, Part, Readiness},
    phone::PhoneService,
    problem::Code,
};
use countersign_ports::vault::Vault;
use countersign_protocol::{
    ServerRole,
    codes::PinPolicy,
    link::{Link, SfsLink},
};
use countersign_sfs::{Observed, Storage, metrics::Metrics};
use countersign_store::{
    StoreError,
    migrate::{What, migrate},
    url::{DatabaseUrl, TlsOptions},
};
use countersign_store_sfs::{SfsStore, migrations};
use tokio::runtime::Handle;

use super::{
    StartError,
    bootstrap::{count_writes, tls},
    serve::Places,
    service::{Routes, Service},
    sfs_upkeep::{self, Guard},
};
use crate::{
    config::{Config, SfsPolicy, listener::Resource},
    data_dir::DataDir,
    ports::{OsRandom, WallClock},
    sfs_files::{self, EvaluationFile},
};

/// File name of the embedded database.
pub(super) const DATABASE: &str = "sfs.sqlite";

/// SFS's ports with their adapters, and what observes them.
pub(super) struct Behind {
    ports: Ports,
    storage: Storage,
    parts: Vec<Part>,
    metrics: Metrics,
    /// The embedded database.
    pub(super) file: Option<PathBuf>,
    /// SFS's own directory, which contains no keys or database of another service.
    data: DataDir,
}

/// The URL of SFS's database, and the TLS options of connections to it.
pub(super) fn database(data: &DataDir, config: &Config) -> Result<(DatabaseUrl, TlsOptions), StartError> {
    let d = &config.sfs_database;
    let url = match &d.url.0 {
        Some(url) => url.clone(),
        None => DatabaseUrl::Sqlite(data.database(DATABASE)?),
    };
    let tls = tls("sfs_database", d)?;
    Ok((url, tls))
}

/// SFS's metrics.
pub(super) fn metrics(exposition: &Exposition) -> Result<Metrics, StartError> {
    let service = countersign_sfs::SERVICE;
    let metrics = Metrics { shared: exposition.series(service)?, own: exposition.series(service)? };
    metrics.shared.say_version();
    Ok(metrics)
}

/// The rules and limits that the settings choose.
fn rules(config: &Config) -> (Rules, Limits) {
    let s = &config.sfs;
    let policy = match s.policy {
        SfsPolicy::Lock => PinPolicy::Lock,
        SfsPolicy::Wipe => PinPolicy::Wipe,
        SfsPolicy::Psd2 => PinPolicy::Psd2,
    };
    let limits = Limits {
        registrations: Limit { most: s.registrations_per_hour, secs: 3600 },
        evaluations: Limit { most: s.evaluations_per_minute, secs: 60 },
    };
    (Rules::of(policy), limits)
}

fn store_error(e: StoreError) -> StartError {
    StartError::Store(format!("sfs: {e}"))
}

/// Makes what a first start makes: the database, the master key, and the server's identity.
pub(super) async fn make(data: DataDir, config: &Config, metrics: Metrics) -> Result<(), StartError> {
    let made = behind(data, config, metrics).await?;
    Ok(countersign_actors_sfs::make_identity(&made.ports).await?)
}

/// Migrates the database and opens it. This runs before the actor system starts, on the runtime on
/// which connections will run.
pub(super) async fn behind(data: DataDir, config: &Config, metrics: Metrics) -> Result<Behind, StartError> {
    let (d, random, clock) = (&config.sfs_database, Arc::new(OsRandom), Arc::new(WallClock));
    let (url, tls) = database(&data, config)?;
    migrate(&url, &tls, migrations(), What::Run).await.map_err(store_error)?;
    let store = SfsStore::open(&url, &tls, d.connections, &Handle::current()).await.map_err(store_error)?;
    let sealed = store.server().await?.is_some().then(|| url.to_string());
    let given = |path: &'_ PathBuf| Some(path.clone()).filter(|p| !p.as_os_str().is_empty());
    let keys = &config.sfs_keys;
    let master = data.master_key(given(&keys.master_key_file).as_deref(), &*random, sealed.as_deref())?;
    let in_use = store.has_devices().await?.then(|| url.to_string());
    let seed = sfs_files::seed(&data, given(&keys.seed_file).as_deref(), &*random, in_use.as_deref())?;
    let truth = Arc::new(store.clone());
    let one_at_a_time = Mutex::new(());
    let storage: Storage = Arc::new(move |metrics: &Metrics| {
        let _turn = one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        count_writes(&metrics.shared, store.writing());
    });
    let (rules, limits) = rules(config);
    let ports = Ports {
        store: truth.clone(),
        clock,
        random,
        vault: Arc::new(Vault::new(&master)),
        seed: Arc::new(seed),
        rules,
        limits,
        meter: Arc::new(metrics.clone()),
        older: Arc::default(),
    };
    let parts = vec![Part { name: "database", probe: truth }, sfs_upkeep::part(&ports)];
    Ok(Behind { ports, storage, parts, metrics, file: url.file().map(PathBuf::from), data })
}

/// A started SFS.
pub(super) struct Sfs {
    heart: Heart,
    observed: Arc<Observed>,
    deaths: Option<Deaths>,
    url: String,
    _data: DataDir,
}

impl Sfs {
    /// Opens the server's identity, or makes it.
    pub(super) async fn start(
        config: &Config,
        behind: Behind,
        places: &Places,
        supervision: &Supervision,
    ) -> Result<Self, StartError> {
        let Behind { ports, storage, parts, metrics, data, .. } = behind;
        let p = &config.phone;
        let settings = Settings {
            first_frame: Duration::from_millis(p.first_frame_ms),
            idle: Duration::from_millis(p.idle_ms),
            lifetime: Duration::from_millis(p.lifetime_ms),
            ping_after: p.ping_after_secs,
        };
        let guard = Guard::open(&ports, EvaluationFile::of(data.path()), &metrics).await?;
        let (heart, deaths) = Heart::start(&ports, settings).await?;
        sfs_upkeep::start(&ports, guard, config.sfs.unused_days, supervision);
        let observed = Observed { readiness: Readiness::new(parts), heart: heart.clone(), metrics, storage };
        let url = format!(
            "{}{}",
            places.public(config.public.phone.0.as_deref(), "phone", Resource::Phone, "ws")?,
            ServerRole::Sfs.path()
        );
        Ok(Self { heart, observed: Arc::new(observed), deaths: Some(deaths), url, _data: data })
    }
}

/// The folder of SFS under `all`.
pub(super) fn folder(data: &std::path::Path) -> PathBuf {
    data.join(countersign_sfs::SERVICE)
}

#[async_trait(?Send)]
impl Service for Sfs {
    fn http(&self) -> Vec<(Resource, Routes)> {
        Vec::new()
    }

    fn codes(&self) -> &'static [Code] {
        &[]
    }

    fn phone(&self) -> PhoneService {
        let metrics = self.observed.metrics.shared.clone();
        PhoneService { path: ServerRole::Sfs.path(), sessions: self.heart.sessions.clone(), metrics }
    }

    fn observed(&self) -> Arc<dyn observed::Observed> {
        self.observed.clone()
    }

    fn ready(&self, ready: &mut Ready) {
        ready.phone.insert(ServerRole::Sfs.as_str().to_owned(), self.url.clone());
        let known = &self.heart.known;
        let link = SfsLink {
            url: self.url.clone(),
            server: known.id,
            root_pin: known.root_pin,
            static_key: known.static_key,
            key_id: known.key_id,
            epoch: known.epoch,
        };
        ready.sfs = Some(Link::Sfs(link).to_url("sfs"));
        ready.sfs_root = Some(URL_SAFE_NO_PAD.encode(known.root));
    }

    fn deaths(&mut self) -> Option<Deaths> {
        self.deaths.take()
    }

    fn unready(&self, dead: Option<&'static str>) {
        match dead {
            Some(name) => self.observed.readiness.bury(name),
            None => self.observed.readiness.drain(),
        }
    }

    async fn send_away(&self, spread: Duration) -> usize {
        self.heart.drain.send_away(spread).await
    }

    async fn left(&self) -> usize {
        let open = self.observed.metrics.shared.level(Metric::PhoneConnections);
        self.heart.drain.left().await.max(usize::try_from(open).unwrap_or(0))
    }

    fn expect_the_end(&self) {
        self.heart.drain.expect_the_end();
    }

    #[cfg(feature = "faults")]
    fn faults(&self) -> Routes {
        Arc::new(|_: &mut _| {})
    }
}
