//! How the admin port observes SFS.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use countersign_actors_sfs::Heart;
use countersign_edge::{
    metrics::{self, Metric},
    observed::{self, Readiness, Section, ServiceStatus},
};
use serde_json::json;
use tokio::time::timeout;

use crate::{SERVICE, metrics::Metrics};

/// How long the registry may take to report the number of sessions.
const PATIENCE: Duration = Duration::from_secs(1);

/// Writes what the storage knows of itself into the metrics.
pub type Storage = Arc<dyn Fn(&Metrics) + Send + Sync>;

/// The observed state of SFS.
pub struct Observed {
    pub readiness: Readiness,
    pub heart: Heart,
    pub metrics: Metrics,
    pub storage: Storage,
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
        match timeout(PATIENCE, self.heart.sessions()).await {
            Ok(Some(here)) => {
                self.metrics.shared.set(Metric::Sessions, &[], i64::try_from(here).unwrap_or(i64::MAX))
            }
            // Supervision reports the death to the readiness shortly.
            Ok(None) if !causes.iter().any(|cause| cause.ends_with(" died")) => {
                causes.push("a registry died".to_owned())
            }
            // If the registry is dead or late, the last number stays.
            Ok(None) | Err(_) => {}
        }
        (self.storage)(&self.metrics);
        causes
    }

    fn told(&self) -> ServiceStatus {
        let [connections, sessions] =
            [Metric::PhoneConnections, Metric::Sessions].map(|m| self.metrics.shared.level(m));
        let facts = [("Phones connected", connections), ("Phones logged on", sessions)];
        let here =
            Section::Facts { title: "Here now", facts: facts.map(|(name, n)| (name, n.to_string())).into() };
        ServiceStatus {
            sections: vec![here],
            json: json!({"phone_connections": connections, "phone_sessions": sessions}),
        }
    }
}
