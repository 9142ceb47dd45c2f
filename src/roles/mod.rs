//! One process out of the rooms. A role builds and starts; it decides nothing.

mod bootstrap;
mod demo;
mod ns;

use std::{path::PathBuf, process::ExitCode, sync::Arc, thread::available_parallelism};

use countersign_domain::ports::Unmetered;
use countersign_edge::metrics::Metrics;
use countersign_store::{
    StoreError,
    migrate::{State, What},
};
use tokio::runtime::Runtime;

use crate::{config::Config, data_dir::DataDir};

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

impl From<countersign_domain::Fault> for StartError {
    fn from(fault: countersign_domain::Fault) -> Self {
        Self::Other(fault.to_string())
    }
}

/// The runtime of everything that is not the actor system's: connections to a database server live on it. Fewer threads than cores: two that share little work wake each other.
fn runtime(config: &Config) -> Result<Runtime, StartError> {
    let threads = if config.database_is_shared() { available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)) } else { 1 };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).thread_name("io").enable_all().build();
    runtime.map_err(|e| StartError::Other(e.to_string()))
}

/// Runs until told to stop.
pub(crate) fn run(plan: Plan) -> Result<ExitCode, StartError> {
    let data = DataDir::open(&plan.data)?;
    let metrics = Metrics::new().map_err(|e| StartError::Other(e.to_string()))?;
    let runtime = runtime(&plan.config)?;
    let behind = runtime.block_on(bootstrap::ports(&data, &plan.config, Arc::new(metrics.clone())))?;
    let code = actix_rt::System::new().block_on(ns::run(plan, data, behind, metrics));
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
        bootstrap::root_key(&ports, &data, config.database_is_shared()).await
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
