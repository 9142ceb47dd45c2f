//! Background work of SFS: noticing an older database, and purging what nobody uses any more.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use countersign_actors_shell::Supervision;
use countersign_domain_sfs::{
    flows::pin::OLDER,
    ports::{Evaluations, Ports, Purged, Row, Store},
};
use countersign_ports::{
    Fault,
    probe::Probe,
    random::Random,
    time::{Clock, Time},
};
use countersign_protocol::ids::AuditId;
use countersign_sfs::metrics::{Metric, Metrics};
use countersign_store::url::DatabaseUrl;
use countersign_store_sfs::SfsStore;

use super::StartError;
use crate::{
    config::Config,
    ports::{OsRandom, WallClock},
    sfs_files::{EvaluationFile, is_older, leap},
};

/// How often the numbers of evaluations are compared, and the file is written if they have grown.
const COMPARE: Duration = Duration::from_secs(1);
/// How often unused devices and old rows are purged, and the database is tended.
const PURGE: Duration = Duration::from_secs(3600);
const TEND: Duration = Duration::from_secs(5);
/// Pause between two batches, so that other writers need not wait long.
const PAUSE: Duration = Duration::from_millis(200);
/// Days that the trail is kept.
const TRAIL_DAYS: u64 = 400;
const DAY_MS: u64 = 86_400_000;

/// Compares the database with what it was.
pub(super) struct Guard {
    ports: Ports,
    file: EvaluationFile,
    metrics: Metrics,
    highest: Evaluations,
    /// Whether the last comparison failed; a failure is logged once.
    failed: bool,
}

impl Guard {
    /// Reads what the database was when this pod last saw it, and compares it once.
    pub(super) async fn open(
        ports: &Ports,
        file: EvaluationFile,
        metrics: &Metrics,
    ) -> Result<Self, StartError> {
        let highest = file.read()?.unwrap_or_default();
        let mut guard = Self { ports: ports.clone(), file, metrics: metrics.clone(), highest, failed: false };
        guard.compare().await?;
        Ok(guard)
    }

    async fn compare(&mut self) -> Result<(), Fault> {
        let database = self.ports.store.evaluations().await?;
        let older = is_older(&database, &self.highest);
        let before = self.ports.older.swap(older, Ordering::Relaxed);
        self.metrics.own.set(Metric::Older, &[], older.into());
        if older && !before {
            tracing::error!("{OLDER}");
        }
        if !older && database != self.highest {
            self.file.write(&database).map_err(|e| Fault::Unreachable(e.to_string()))?;
            self.highest = database;
        }
        Ok(())
    }

    async fn run(mut self) {
        loop {
            tokio::time::sleep(COMPARE).await;
            let failed = self.compare().await.err();
            if let (Some(fault), false) = (&failed, self.failed) {
                tracing::warn!(%fault, "the numbers of evaluations could not be compared; tried each second");
            }
            self.failed = failed.is_some();
        }
    }
}

/// A cause of unreadiness: the database is older than it has been.
pub(super) struct NotOlder(pub(super) Ports);

#[async_trait]
impl Probe for NotOlder {
    async fn ping(&self) -> Result<(), Fault> {
        if self.0.is_older() { Err(Fault::Unreachable(OLDER.to_owned())) } else { Ok(()) }
    }

    async fn write(&self) -> Result<(), Fault> {
        Ok(())
    }
}

/// Starts all tasks, which run as long as the pod.
pub(super) fn start(ports: &Ports, guard: Guard, unused_days: u64, supervision: &Supervision) {
    actix_rt::spawn(supervision.task("the comparison of evaluations", guard.run()));
    actix_rt::spawn(supervision.task("the purge of unused PINs", purge(ports.clone(), unused_days)));
    actix_rt::spawn(supervision.task("the upkeep of SFS's database", tend(ports.clone())));
}

async fn tend(ports: Ports) {
    loop {
        tokio::time::sleep(TEND).await;
        if let Err(fault) = ports.store.tend().await {
            tracing::warn!(%fault, "the upkeep of the database failed; tried again later");
        }
    }
}

async fn purge(ports: Ports, unused_days: u64) {
    loop {
        if let Err(fault) = purge_once(&ports, unused_days).await {
            tracing::warn!(%fault, "what nobody uses could not be purged; tried again later");
        }
        tokio::time::sleep(PURGE).await;
    }
}

async fn purge_once(ports: &Ports, unused_days: u64) -> Result<(), Fault> {
    loop {
        let now = ports.now();
        let ago = |days: u64| Time(now.0.saturating_sub(days.saturating_mul(DAY_MS)));
        let gone = ports.store.purge(now, ago(unused_days), ago(TRAIL_DAYS)).await?;
        if gone == Purged::default() {
            return Ok(());
        }
        let Purged { devices, factors, limits, rows } = gone;
        tracing::info!(devices, factors, limits, events = rows, "forgotten");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Accepts a restored database: leaves each device one try, and puts the numbers of evaluations
/// ahead of what any pod has seen. Pods may be running.
pub(crate) fn restored(data: &Path, config: &Config) -> Result<usize, StartError> {
    let runtime = super::runtime(config)?;
    let tls = super::bootstrap::tls("sfs_database", &config.sfs_database)?;
    let url = match &config.sfs_database.url.0 {
        Some(url) => url.clone(),
        None => DatabaseUrl::Sqlite(data.join(super::sfs::DATABASE)),
    };
    if let Some(file) = url.file().filter(|file| !file.exists()) {
        let text = format!("{} does not exist: this is no data directory of SFS", file.display());
        return Err(StartError::Other(text));
    }
    let seen = EvaluationFile::of(data).read()?;
    runtime.block_on(async {
        let opened = SfsStore::open(&url, &tls, 1, runtime.handle()).await;
        let store = opened.map_err(|e| StartError::Store(e.to_string()))?;
        let now = WallClock.now();
        let id = (&OsRandom as &dyn Random).id(now);
        let row = Row { id: AuditId(id), at: now, action: "database.restored" };
        let at_least = leap(store.evaluations().await?, seen);
        Ok(store.restored(at_least, row).await?)
    })
}

/// The part of readiness that tells of an older database.
pub(super) fn part(ports: &Ports) -> countersign_edge::observed::Part {
    countersign_edge::observed::Part { name: "tries", probe: Arc::new(NotOlder(ports.clone())) }
}
