//! One process out of the rooms. A role builds and starts; it decides nothing.

mod bootstrap;
mod demo;
mod ns;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use countersign_domain::ports::Unmetered;
use countersign_edge::metrics::Metrics;

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

impl From<countersign_domain::Fault> for StartError {
    fn from(fault: countersign_domain::Fault) -> Self {
        Self::Other(fault.to_string())
    }
}

/// Runs until told to stop.
pub(crate) fn run(plan: Plan) -> Result<ExitCode, StartError> {
    let data = DataDir::open(&plan.data)?;
    let metrics = Metrics::new().map_err(|e| StartError::Other(e.to_string()))?;
    let behind = bootstrap::ports(&data, &plan.config, Arc::new(metrics.clone()))?;
    actix_rt::System::new().block_on(ns::run(plan, data, behind, metrics))
}

/// What `init` has made or found.
pub(crate) struct Made {
    pub(crate) root_api_key: PathBuf,
    /// Whether the key was made just now.
    pub(crate) fresh: bool,
}

/// Makes everything a first start would make, and ends.
pub(crate) fn init(path: &std::path::Path, config: &Config) -> Result<Made, StartError> {
    let data = DataDir::open(path)?;
    let fresh = !data.file("root-api-key").exists();
    let ports = bootstrap::ports(&data, config, Arc::new(Unmetered))?.ports;
    actix_rt::System::new().block_on(bootstrap::root_key(&ports, &data))?;
    Ok(Made { root_api_key: data.file("root-api-key"), fresh })
}
