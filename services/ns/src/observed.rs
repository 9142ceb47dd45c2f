//! How the admin port observes NS.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use countersign_actors_ns::Heart;
use countersign_edge::{
    metrics,
    observed::{self, Readiness, ServiceStatus},
};
use tokio::time::timeout;

use crate::{
    metrics::{Metric, Metrics, SERVICE},
    status::{History, told},
};

/// How long the registries may take to report the number of sessions and waiters.
const PATIENCE: Duration = Duration::from_secs(1);

/// Writes what the storage knows of itself into the metrics.
pub type Storage = Arc<dyn Fn(&Metrics) + Send + Sync>;

/// The observed state of NS.
pub struct Observed {
    readiness: Readiness,
    heart: Heart,
    metrics: Metrics,
    storage: Storage,
    history: History,
}

impl Observed {
    /// Starts recording the outcomes of logins, in a task of its own.
    #[must_use]
    pub fn start(readiness: Readiness, heart: Heart, metrics: Metrics, storage: Storage) -> Self {
        let history = History::start(metrics.clone());
        Self { readiness, heart, metrics, storage, history }
    }
}

#[async_trait(?Send)]
impl observed::Observed for Observed {
    fn name(&self) -> &'static str {
        SERVICE
    }

    fn metrics(&self) -> &metrics::Metrics {
        &self.metrics.shared
    }

    async fn look(&self) -> Vec<String> {
        let mut causes = self.readiness.causes().await;
        match timeout(PATIENCE, self.heart.presences()).await {
            Ok(Some(here)) => {
                let size = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
                self.metrics.shared.set(metrics::Metric::Sessions, &[], size(here.sessions));
                self.metrics.own.set(Metric::Waiters, &[], size(here.waiters));
            }
            // Supervision reports the death to the readiness shortly.
            Ok(None) if !causes.iter().any(|cause| cause.ends_with(" died")) => {
                causes.push("a registry died".to_owned())
            }
            // If a registry is dead or late, the last numbers stay.
            Ok(None) | Err(_) => {}
        }
        (self.storage)(&self.metrics);
        causes
    }

    fn told(&self) -> ServiceStatus {
        told(&self.metrics, &self.history)
    }
}
