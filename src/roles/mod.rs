//! One process out of the rooms. A role builds and starts; it decides nothing.

mod bootstrap;
mod demo;
mod ns;

use std::{path::PathBuf, process::ExitCode, sync::Arc, thread::available_parallelism};

use countersign_domain_ns::{
    api_key::ApiKey,
    ports::{Directory, KeyQuery, Unmetered},
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
use tokio::runtime::Runtime;

use crate::{
    config::Config,
    data_dir::{DATABASE, DataDir},
    ports::{OsRandom, WallClock},
};

/// What to run.
pub(crate) struct Plan {
    pub(crate) role: &'static str,
    pub(crate) data: PathBuf,
    pub(crate) demo: bool,
    pub(crate) config: Config,
}

/// Why a role could not start; one line for the operator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Data(#[from] crate::data_dir::DataError),
    #[error("{0}")]
    Store(String),
    #[error("cannot listen on {0} (listen.{1}): {2}; `--ports auto` takes free ports")]
    Listen(std::net::SocketAddr, &'static str, std::io::Error),
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
    let behind = runtime.block_on(bootstrap::ports(&data, &plan.config, Arc::new(metrics.clone())))?;
    let code = actix_rt::System::new().block_on(ns::run(plan, data, behind, metrics, exposition));
    runtime.shutdown_background();
    code
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
        let ports = bootstrap::ports(&data, config, Arc::new(Unmetered)).await?.ports;
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
