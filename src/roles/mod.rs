//! One process out of the rooms. A role builds and starts; it decides nothing.

mod bootstrap;
mod demo;
mod ns;
mod serve;
pub(crate) mod service;

use std::{path::PathBuf, process::ExitCode, thread::available_parallelism, time::Duration};

use countersign_domain_ns::{
    api_key::ApiKey,
    ports::{Directory, KeyQuery},
};
use countersign_edge::metrics::Exposition;
use countersign_ns::metrics::{self, Metrics};
use countersign_ports::{secret::Secret, time::Clock};
use countersign_protocol::ids::ApiKeyId;
use countersign_store::{
    StoreError,
    migrate::{State, What},
    url::{DatabaseUrl, TlsOptions},
};
use countersign_store_ns::NsStore;
use serde_json::{Map, Value};
use tokio::runtime::Runtime;

use bootstrap::Behind;
use ns::Ns;
use service::Service;

use crate::{
    config::{Config, listener::Resource},
    data_dir::{DATABASE, DataDir},
    lifecycle,
    ports::{OsRandom, WallClock},
    tls_files,
};

/// What to run.
pub(crate) struct Plan {
    pub(crate) role: &'static str,
    pub(crate) data: PathBuf,
    pub(crate) demo: bool,
    pub(crate) config: Config,
    /// `LISTEN_FDNAMES`: what systemd calls the sockets it hands over.
    pub(crate) socket_names: Option<String>,
}

/// Why a role could not start; one line for the operator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Data(#[from] crate::data_dir::DataError),
    #[error("{0}")]
    Store(String),
    #[error("cannot listen on {0} ({1}): {2}; `--ports auto` takes free ports")]
    Listen(String, String, std::io::Error),
    #[error("{0}")]
    Other(String),
}

impl From<countersign_edge::tls::TlsError> for StartError {
    fn from(e: countersign_edge::tls::TlsError) -> Self {
        Self::Other(e.to_string())
    }
}

impl From<countersign_ports::Fault> for StartError {
    fn from(fault: countersign_ports::Fault) -> Self {
        Self::Other(fault.to_string())
    }
}

/// The runtime of everything that is not the actor system's: connections to a database server live on it. Fewer threads than cores: two that share little work wake each other.
fn runtime(config: &Config) -> Result<Runtime, StartError> {
    let threads = if config.database_is_shared() { available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)) } else { 1 };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).thread_name("io").enable_all().build();
    runtime.map_err(|e| StartError::Other(e.to_string()))
}

fn metrics() -> Result<(Exposition, Metrics), Box<dyn std::error::Error>> {
    let exposition = Exposition::new()?;
    let metrics = Metrics { shared: exposition.series(metrics::SERVICE)?, own: exposition.series(metrics::SERVICE)? };
    metrics.shared.say_version();
    Ok((exposition, metrics))
}

/// Runs until told to stop.
pub(crate) fn run(plan: Plan) -> Result<ExitCode, StartError> {
    let data = DataDir::open(&plan.data)?;
    let (exposition, metrics) = metrics().map_err(|e| StartError::Other(e.to_string()))?;
    let runtime = runtime(&plan.config)?;
    let behind = runtime.block_on(bootstrap::ports(&data, &plan.config, metrics))?;
    let code = actix_rt::System::new().block_on(run_services(plan, data, behind, exposition));
    runtime.shutdown_background();
    code
}

async fn run_services(plan: Plan, data: DataDir, behind: Behind, exposition: Exposition) -> Result<ExitCode, StartError> {
    let config = &plan.config;
    let mut served = [&ns::RESOURCES[..], &[Resource::Phone, Resource::Admin]].concat();
    if plan.demo {
        served.push(Resource::Demo);
    }
    let mut bound = serve::bind(&plan, &served)?;
    let places = serve::Places::of(&bound)?;
    let demo = plan.demo.then(|| serve::take(&mut bound, Resource::Demo)).transpose()?;
    let ns = Ns::start(&plan, &data, behind, &places).await?;
    let mut ready = Map::new();
    ready.insert("role".to_owned(), plan.role.into());
    ready.insert("pid".to_owned(), std::process::id().into());
    if let Some(url) = places.url(Resource::Admin, "http") {
        ready.insert("admin".to_owned(), url.into());
    }
    ns.ready(&mut ready);
    let demo = match demo {
        Some(listener) => Some(demo::serve(&ns, listener, &places).await?),
        None => None,
    };
    let (mut running, certificates) = serve::serve(&plan, bound, exposition, vec![Box::new(ns)])?;
    actix_rt::spawn(tls_files::watch(certificates));
    if let Some((origin, server)) = demo {
        running.add_http(server);
        ready.insert("realm".to_owned(), "demo".into());
        ready.insert("demo".to_owned(), origin.into());
    }
    data.say_ready(&Value::Object(ready.clone()))?;
    let told = |key: &str| ready.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    tracing::info!(role = plan.role, rest = told("rest"), page = told("page"), admin = told("admin"), "ready");
    if let Some(origin) = ready.get("demo").and_then(Value::as_str) {
        tracing::info!("open {origin} in a browser");
    }
    let (spread, deadline) = (config.drain.spread_ms, config.drain.deadline_ms);
    let code = lifecycle::until_the_end(running, Duration::from_millis(spread), Duration::from_millis(deadline)).await;
    drop(data);
    Ok(code)
}

/// What `init` has made or found.
pub(crate) struct Made {
    pub(crate) root_api_key: PathBuf,
    /// Whether the key was made just now.
    pub(crate) fresh: bool,
}

/// Makes everything a first start would make, and ends.
pub(crate) fn init(path: &std::path::Path, config: &Config) -> Result<Made, StartError> {
    config.check().map_err(|e| StartError::Other(e.to_string()))?;
    let data = DataDir::open(path)?;
    let file = data.file("root-api-key");
    let there = file.exists();
    let runtime = runtime(config)?;
    runtime.block_on(async {
        let (_, unseen) = metrics().map_err(|e| StartError::Other(e.to_string()))?;
        let ports = bootstrap::ports(&data, config, unseen).await?.ports;
        bootstrap::root_key(&ports, &data).await
    })?;
    Ok(Made { fresh: !there && file.exists(), root_api_key: file })
}

/// Migrates the database, or says what that would be.
pub(crate) fn migrate(data: Option<&std::path::Path>, config: &Config, what: What) -> Result<State, StartError> {
    let data = match (data, config.database.url.0.is_empty()) {
        (Some(path), _) => Some(DataDir::open(path)?),
        (None, false) => None,
        (None, true) => return Err(StartError::Other("give --data DIR, or database.url".to_owned())),
    };
    let (url, tls) = match &data {
        Some(data) => bootstrap::database(data, config)?,
        None => (config.database.url.0.parse().map_err(|e: StoreError| StartError::Store(e.to_string()))?, bootstrap::tls(config)?),
    };
    let migrating = countersign_store::migrate::migrate(&url, &tls, countersign_store_ns::migrations(), what);
    runtime(config)?.block_on(migrating).map_err(|e| StartError::Store(e.to_string()))
}

/// A database beside which a pod may be running: neither locked nor migrated here.
pub(crate) struct Beside {
    pub(crate) data: Option<PathBuf>,
    pub(crate) config: Config,
}

impl Beside {
    fn url(&self) -> Result<(DatabaseUrl, TlsOptions), StartError> {
        let tls = bootstrap::tls(&self.config)?;
        if !self.config.database.url.0.is_empty() {
            return Ok((self.config.database.url.0.parse().map_err(|e: StoreError| StartError::Store(e.to_string()))?, tls));
        }
        let Some(data) = &self.data else { return Err(StartError::Other("give --data DIR, or database.url".to_owned())) };
        let file = data.join(DATABASE);
        if !file.exists() {
            return Err(StartError::Other(format!("{} is not there: nothing has started with this directory yet", file.display())));
        }
        Ok((DatabaseUrl::Sqlite(file), tls))
    }

    /// Opens the store and asks it.
    fn ask<T, F: Future<Output = Result<T, StartError>>>(&self, question: impl FnOnce(NsStore) -> F) -> Result<T, StartError> {
        let ((url, tls), runtime) = (self.url()?, runtime(&self.config)?);
        runtime.block_on(async {
            let store = NsStore::open(&url, &tls, 1, runtime.handle()).await.map_err(|e| StartError::Store(e.to_string()))?;
            question(store).await
        })
    }

    /// Only where the schema is this program's: what it would read or write else is not what it takes it for.
    fn ask_current<T, F: Future<Output = Result<T, StartError>>>(&self, question: impl FnOnce(NsStore) -> F) -> Result<T, StartError> {
        let ((url, tls), runtime) = (self.url()?, runtime(&self.config)?);
        let look = countersign_store::migrate::migrate(&url, &tls, countersign_store_ns::migrations(), What::Look);
        let State { pending, .. } = runtime.block_on(look).map_err(|e| StartError::Store(e.to_string()))?;
        if !pending.is_empty() {
            return Err(StartError::Other(
                "the database is of an older release: run `countersign migrate` first, or start a pod".to_owned(),
            ));
        }
        drop(runtime);
        self.ask(question)
    }

    /// Another root key; the trail tells of it.
    pub(crate) fn new_root_key(&self, name: Option<String>) -> Result<(ApiKeyId, Secret<32>), StartError> {
        self.ask_current(|store| async move { bootstrap::another_root_key(&store, &OsRandom, WallClock.now(), name).await })
    }

    pub(crate) fn keys(&self, query: &KeyQuery) -> Result<Vec<ApiKey>, StartError> {
        self.ask_current(|store| async move { Ok(store.api_keys(query).await?) })
    }

    /// Keys made before roles were narrowed whose role could do more then.
    pub(crate) fn old_client_keys(&self) -> Result<Vec<ApiKeyId>, StartError> {
        self.ask(|store| async move { Ok(store.old_client_keys().await?) })
    }
}
