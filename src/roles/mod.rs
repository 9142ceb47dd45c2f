//! Builds one process for a role and starts it. No decisions are made here.

mod bootstrap;
mod demo;
mod files;
mod ns;
mod offline;
mod serve;
pub(crate) mod service;
mod sfs;
mod sfs_upkeep;

use std::{path::PathBuf, process::ExitCode, thread::available_parallelism, time::Duration};

use countersign_actors_shell::Supervision;
use countersign_api::Ready;
use countersign_edge::metrics::{Exposition, MetricsError};
use countersign_ns::metrics::{self, Metrics};
use countersign_store::lite::into_one_file;
use tokio::runtime::Runtime;

use bootstrap::Behind;
use ns::Ns;
pub(crate) use offline::{Beside, Initialised, init, migrate};
use service::Service;
use sfs::Sfs;
pub(crate) use sfs_upkeep::restored as sfs_restored;

use crate::{
    config::{Config, listener::Resource},
    data_dir::{self, DataDir},
    data_layout, lifecycle, telemetry, tls_files,
};

/// The services that a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ProcessRole {
    /// Every service.
    All,
    Ns,
    Sfs,
}

impl ProcessRole {
    /// The spelling on the command line, in `ready.json` and on the status page.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Ns => "ns",
            Self::Sfs => "sfs",
        }
    }
}

/// What to run.
pub(crate) struct Plan {
    pub(crate) role: ProcessRole,
    pub(crate) data: PathBuf,
    pub(crate) demo: bool,
    pub(crate) config: Config,
    /// `LISTEN_FDNAMES`: the names of the sockets that systemd passes to the process.
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

impl From<MetricsError> for StartError {
    fn from(e: MetricsError) -> Self {
        Self::Other(e.to_string())
    }
}

impl From<countersign_ports::Fault> for StartError {
    fn from(fault: countersign_ports::Fault) -> Self {
        Self::Other(fault.to_string())
    }
}

/// Makes the runtime for everything outside the actor system, such as connections to a database
/// server. It has fewer threads than cores, because threads that share little work keep waking each
/// other.
fn runtime(config: &Config) -> Result<Runtime, StartError> {
    let threads = if config.database_is_shared() {
        available_parallelism().map_or(1, |cores| cores.get().div_ceil(2))
    } else {
        1
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("io")
        .enable_all()
        .build();
    runtime.map_err(|e| StartError::Other(e.to_string()))
}

/// NS's metrics.
fn metrics(exposition: &Exposition) -> Result<Metrics, StartError> {
    let (shared, own) = (exposition.series(metrics::SERVICE)?, exposition.series(metrics::SERVICE)?);
    let metrics = Metrics { shared, own };
    metrics.shared.say_version();
    Ok(metrics)
}

/// The services of a role, with the adapters behind their ports.
struct Prepared {
    exposition: Exposition,
    /// The data directory, NS's folder in it under `all`, and NS's ports.
    ns: Option<(DataDir, Option<DataDir>, Behind)>,
    sfs: Option<sfs::Behind>,
}

impl Prepared {
    /// Migrates the databases and opens them.
    async fn open(plan: &Plan) -> Result<Self, StartError> {
        let config = &plan.config;
        let data = DataDir::open(&plan.data)?;
        let exposition = Exposition::new()?;
        let (ns, sfs) = match plan.role {
            ProcessRole::All => {
                let folder = data_layout::ns_folder(&data)?;
                let behind = bootstrap::ports(&folder, config, metrics(&exposition)?).await?;
                (Some((data, Some(folder), behind)), Self::sfs_beside(plan, &exposition).await?)
            }
            ProcessRole::Ns => {
                data_layout::refuse_folders(&plan.data)?;
                let behind = bootstrap::ports(&data, config, metrics(&exposition)?).await?;
                (Some((data, None, behind)), None)
            }
            ProcessRole::Sfs => (None, Some(Self::sfs(data, config, &exposition).await?)),
        };
        Ok(Self { exposition, ns, sfs })
    }

    /// Opens SFS in its own folder. It never uses NS's database server, so without its own database
    /// it is left out.
    async fn sfs_beside(plan: &Plan, exposition: &Exposition) -> Result<Option<sfs::Behind>, StartError> {
        if !plan.role.has_sfs(&plan.config) {
            tracing::info!(
                "SFS is left out: database.url names a server, and sfs_database.url names no database for SFS"
            );
            return Ok(None);
        }
        let data = DataDir::open(&sfs::folder(&plan.data))?;
        Self::sfs(data, &plan.config, exposition).await.map(Some)
    }

    /// The embedded databases.
    fn files(&self) -> Vec<PathBuf> {
        let ns = self.ns.as_ref().and_then(|(.., behind)| behind.file.clone());
        ns.into_iter().chain(self.sfs.as_ref().and_then(|behind| behind.file.clone())).collect()
    }

    async fn sfs(data: DataDir, config: &Config, exposition: &Exposition) -> Result<sfs::Behind, StartError> {
        sfs::behind(data, config, sfs::metrics(exposition)?).await
    }
}

/// Runs until a signal, or the death of a load-bearing actor.
pub(crate) fn run(plan: Plan) -> Result<ExitCode, StartError> {
    if plan.demo && plan.role == ProcessRole::Sfs {
        return Err(StartError::Other(
            "the demo is a client of NS: use --demo with `all` or `ns`".to_owned(),
        ));
    }
    let runtime = runtime(&plan.config)?;
    let prepared = runtime.block_on(Prepared::open(&plan))?;
    let files = prepared.files();
    let code = actix_rt::System::new().block_on(run_services(plan, prepared));
    runtime.shutdown_background();
    for file in files {
        // Nothing is lost without it: the next start reads the log.
        if let Err(error) = into_one_file(&file) {
            tracing::warn!(%error, "the log of the embedded database stays beside it");
        }
    }
    code
}

async fn run_services(plan: Plan, prepared: Prepared) -> Result<ExitCode, StartError> {
    let config = &plan.config;
    let hangup = tls_files::listen_for_hangup();
    let (supervision, deaths) = Supervision::new();
    let mut served = vec![Resource::Phone, Resource::Admin];
    served.extend(prepared.ns.iter().flat_map(|_| ns::RESOURCES));
    served.extend(plan.demo.then_some(Resource::Demo));
    let mut bound = serve::bind(&plan, &served)?;
    let places = serve::Places::of(&bound)?;
    let listener = plan.demo.then(|| serve::take(&mut bound, Resource::Demo)).transpose()?;
    let mut services: Vec<Box<dyn Service>> = Vec::new();
    let (mut folder, mut demo, mut of_sfs) = (None, None, Ready::default());
    let sfs = match prepared.sfs {
        Some(behind) => Some(Sfs::start(config, behind, &places, &supervision).await?),
        None => None,
    };
    sfs.iter().for_each(|sfs| sfs.ready(&mut of_sfs));
    if let Some((data, of_ns, behind)) = prepared.ns {
        let ns = Ns::start(&plan, &data, behind, &places, &supervision).await?;
        if let Some(listener) = listener {
            demo = Some(demo::serve(&ns, listener, &places, &of_sfs).await?);
        }
        services.push(Box::new(ns));
        folder = Some((data, of_ns));
    }
    services.extend(sfs.map(|sfs| Box::new(sfs) as Box<dyn Service>));
    let mut ready = members(&plan, &services, &places);
    let (mut running, certificates) =
        serve::serve(&plan, bound, prepared.exposition, services, (supervision, deaths))?;
    let watch =
        tls_files::watch(hangup, certificates, running.services().iter().map(|s| s.observed()).collect());
    actix_rt::spawn(running.supervision().task("the watch over certificates", watch));
    if let Some((origin, server)) = demo {
        running.add_demo(server);
        ready.realm = Some("demo".to_owned());
        ready.demo = Some(origin);
    }
    running.all_started().await.map_err(StartError::Other)?;
    telemetry::started();
    data_dir::say_ready(&plan.data, &ready)?;
    let at = |resource| places.address(resource).map(tracing::field::display);
    let (rest, page, phone, admin) =
        (at(Resource::Rest), at(Resource::Page), at(Resource::Phone), at(Resource::Admin));
    let origin = ready.demo.as_deref();
    tracing::info!(role = plan.role.as_str(), rest, page, phone, admin, demo = origin, "ready");
    if let Some(origin) = origin {
        tracing::info!("open {origin} in a browser");
    }
    let (spread, deadline) = (config.drain.spread_ms, config.drain.deadline_ms);
    let code =
        lifecycle::until_the_end(running, Duration::from_millis(spread), Duration::from_millis(deadline))
            .await;
    drop(folder);
    Ok(code)
}

/// The contents of `ready.json`, except for the demo.
fn members(plan: &Plan, services: &[Box<dyn Service>], places: &serve::Places) -> Ready {
    let mut ready = Ready {
        role: plan.role.as_str().to_owned(),
        pid: std::process::id(),
        admin: places.url(Resource::Admin, "http"),
        ..Ready::default()
    };
    services.iter().for_each(|service| service.ready(&mut ready));
    ready
}
