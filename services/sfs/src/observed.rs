//! SFS as the admin port sees it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use countersign_actors_sfs::Heart;
use countersign_edge::{
    admin::{self, Readiness},
    metrics::{Metric, Metrics},
    status::{Section, ServiceStatus},
};
use serde_json::json;
use tokio::time::timeout;

use crate::SERVICE;

/// How long the registry may take to say how many are here.
const PATIENCE: Duration = Duration::from_secs(1);

/// Puts what the storage knows of itself into the metrics.
pub type Storage = Arc<dyn Fn(&Metrics) + Send + Sync>;

/// What is looked at.
pub struct Observed {
    pub readiness: Readiness,
    pub heart: Heart,
    pub metrics: Metrics,
    pub storage: Storage,
}

#[async_trait(?Send)]
impl admin::Observed for Observed {
    fn name(&self) -> &'static str {
        SERVICE
    }

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    async fn look(&self) -> Vec<String> {
        let mut causes = self.readiness.causes().await;
        match timeout(PATIENCE, self.heart.sessions()).await {
            Ok(Some(here)) => {
                self.metrics.set(Metric::Sessions, &[], i64::try_from(here).unwrap_or(i64::MAX))
            }
            // Its death is on its way to the readiness.
            Ok(None) if !causes.iter().any(|cause| cause.ends_with(" died")) => {
                causes.push("a registry died".to_owned())
            }
            // A dead one, or a late one, leaves its last number.
            Ok(None) | Err(_) => {}
        }
        (self.storage)(&self.metrics);
        causes
    }

    fn told(&self) -> ServiceStatus {
        let [connections, sessions] =
            [Metric::PhoneConnections, Metric::Sessions].map(|m| self.metrics.level(m));
        let facts = [("Phones connected", connections), ("Phones logged on", sessions)];
        let here =
            Section::Facts { title: "Here now", facts: facts.map(|(name, n)| (name, n.to_string())).into() };
        ServiceStatus {
            sections: vec![here],
            json: json!({"phone_connections": connections, "phone_sessions": sessions}),
        }
    }
}
