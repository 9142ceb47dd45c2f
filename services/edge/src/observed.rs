//! The services of the process as its admin port sees them.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use countersign_ports::probe::Probe;
use serde_json::Value;
use tokio::time::timeout;

use crate::metrics::{Exposition, Metric, Metrics};

/// How long a dependency may take to answer a probe.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a write that succeeded is taken for a sign that the next would.
const TRUSTED: Duration = Duration::from_secs(3);

/// An external dependency of a service, such as its database.
#[derive(Clone)]
pub struct Part {
    /// The prefix of the causes this dependency gives.
    pub name: &'static str,
    pub probe: Arc<dyn Probe>,
}

/// A dependency, and when it last took a write.
struct Watched {
    part: Part,
    written: Mutex<Option<Instant>>,
}

impl Watched {
    /// Returns the cause why this dependency makes the service unready.
    async fn cause(&self) -> Option<String> {
        let Part { name, probe } = &self.part;
        let answered = match timeout(PATIENCE, probe.ping()).await {
            Ok(Ok(())) if self.is_trusted() => return None,
            Ok(Ok(())) => timeout(PATIENCE, probe.write()).await,
            other => other,
        };
        let written = matches!(answered, Ok(Ok(()))).then(Instant::now);
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) = written;
        match answered {
            Ok(Ok(())) => None,
            Ok(Err(fault)) => Some(format!("{name}: {fault}")),
            Err(_) => Some(format!("{name}: no answer within a second")),
        }
    }

    fn is_trusted(&self) -> bool {
        let written = *self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.is_some_and(|at| at.elapsed() < TRUSTED)
    }
}

/// What the readiness of a service depends on.
#[derive(Clone)]
pub struct Readiness {
    parts: Arc<[Watched]>,
    draining: Arc<AtomicBool>,
    dead: Arc<Mutex<Option<&'static str>>>,
}

impl Readiness {
    #[must_use]
    pub fn new(parts: Vec<Part>) -> Self {
        let parts = parts.into_iter().map(|part| Watched { part, written: Mutex::default() });
        Self { parts: parts.collect(), draining: Arc::default(), dead: Arc::default() }
    }

    /// From now on the service accepts no new work.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Records that a load-bearing actor has died.
    pub fn bury(&self, name: &'static str) {
        self.dead.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(name);
    }

    /// Lists the reasons why the service is not ready; empty when it is ready.
    pub async fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        if self.draining.load(Ordering::Relaxed) {
            causes.push("draining".to_owned());
        }
        if let Some(name) = *self.dead.lock().unwrap_or_else(PoisonError::into_inner) {
            causes.push(format!("{name} died"));
        }
        for part in &*self.parts {
            causes.extend(part.cause().await);
        }
        causes
    }
}

/// A service as the admin port sees it.
#[async_trait(?Send)]
pub trait Observed: Send + Sync {
    /// The service's name, as metrics and roles spell it.
    fn name(&self) -> &'static str;
    /// The series that every service has.
    fn metrics(&self) -> &Metrics;
    /// Updates the metrics that are not counted as events happen; returns the reasons why the
    /// service is not ready.
    async fn look(&self) -> Vec<String>;
    /// The service's part of the status page, as of the last call of `look`.
    fn told(&self) -> ServiceStatus;
}

/// State of the admin port.
#[derive(Clone)]
pub struct Admin {
    /// The role of this process.
    pub role: &'static str,
    pub exposition: Exposition,
    pub services: Arc<[Arc<dyn Observed>]>,
    pub began: Instant,
}

impl Admin {
    /// Looks at every service; returns the reasons why the process is not ready.
    pub(crate) async fn look(&self) -> Vec<String> {
        let mut all = Vec::new();
        for service in &*self.services {
            let causes = service.look().await;
            service.metrics().set(Metric::Ready, &[], i64::from(causes.is_empty()));
            // With several services, a cause names the service it belongs to.
            let named =
                |cause| if self.services.len() > 1 { format!("{}: {cause}", service.name()) } else { cause };
            all.extend(causes.into_iter().map(named));
        }
        all
    }
}

/// What a service reports about itself.
pub struct ServiceStatus {
    /// Sections of the page.
    pub sections: Vec<Section>,
    /// The same as an object for scripts.
    pub json: Value,
}

/// A part of the page.
pub enum Section {
    /// Numbers by row and column; the first cell of a row names it.
    Table { title: &'static str, columns: Vec<&'static str>, rows: Vec<Vec<String>> },
    /// Numbers by name.
    Facts { title: &'static str, facts: Vec<(&'static str, String)> },
}
