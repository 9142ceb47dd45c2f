//! The admin port: is it alive, is it ready and if not why, what does it measure, and all of that for people.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix_web::{HttpResponse, web};
use countersign_actors::Heart;
use countersign_ports::probe::Probe;
use serde::Serialize;
use tokio::time::timeout;

use crate::{
    metrics::{Metric, Metrics},
    status::{self, History},
};

/// How long a part may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(1);

/// Something outside of the pod that it needs, such as its database.
#[derive(Clone)]
pub struct Part {
    /// What causes begin with.
    pub name: &'static str,
    pub probe: Arc<dyn Probe>,
}

/// What readiness depends on.
#[derive(Clone)]
pub struct Readiness {
    parts: Arc<[Part]>,
    draining: Arc<AtomicBool>,
    dead: Arc<Mutex<Option<&'static str>>>,
}

/// Body of `/readyz`.
#[derive(Serialize)]
struct Ready {
    ready: bool,
    causes: Vec<String>,
}

impl Readiness {
    #[must_use]
    pub fn new(parts: Vec<Part>) -> Self {
        Self { parts: parts.into(), draining: Arc::default(), dead: Arc::default() }
    }

    /// From now on the pod wants no new work.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// A load-bearing actor died.
    pub fn bury(&self, name: &'static str) {
        self.dead.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(name);
    }

    async fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        if self.draining.load(Ordering::Relaxed) {
            causes.push("draining".to_owned());
        }
        if let Some(name) = *self.dead.lock().unwrap_or_else(PoisonError::into_inner) {
            causes.push(format!("{name} died"));
        }
        for Part { name, probe } in &*self.parts {
            match timeout(PATIENCE, probe.ping()).await {
                Ok(Ok(())) => {}
                Ok(Err(fault)) => causes.push(format!("{name}: {fault}")),
                Err(_) => causes.push(format!("{name}: no answer within a second")),
            }
        }
        causes
    }
}

/// Puts what the storage knows of itself into the metrics.
pub type Storage = Arc<dyn Fn(&Metrics) + Send + Sync>;

/// Everything that is looked at from here.
#[derive(Clone)]
pub struct Watched {
    /// What this process runs.
    pub role: &'static str,
    pub readiness: Readiness,
    pub heart: Heart,
    pub metrics: Metrics,
    pub storage: Storage,
    pub history: History,
}

impl Watched {
    /// Looks at what is not counted as it happens; gives why the pod is not ready.
    pub(crate) async fn look(&self) -> Vec<String> {
        let mut causes = self.readiness.causes().await;
        match timeout(PATIENCE, self.heart.presences()).await {
            Ok(Some(here)) => {
                let size = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
                self.metrics.set(Metric::Sessions, &[], size(here.sessions));
                self.metrics.set(Metric::Waiters, &[], size(here.waiters));
            }
            // Its death is on its way to the readiness.
            Ok(None) if !causes.iter().any(|cause| cause.ends_with(" died")) => causes.push("a registry died".to_owned()),
            // A dead one, or a late one, leaves its last numbers.
            Ok(None) | Err(_) => {}
        }
        self.metrics.set(Metric::Ready, &[], i64::from(causes.is_empty()));
        (self.storage)(&self.metrics);
        causes
    }
}

async fn livez() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

async fn readyz(watched: web::Data<Watched>) -> HttpResponse {
    let causes = watched.look().await;
    let ready = causes.is_empty();
    let mut response = if ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.json(Ready { ready, causes })
}

async fn metrics(watched: web::Data<Watched>) -> HttpResponse {
    watched.look().await;
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(watched.metrics.render())
}

/// The routes of the admin port.
pub fn routes(config: &mut web::ServiceConfig, watched: Watched) {
    config
        .app_data(web::Data::new(watched))
        .route("/livez", web::get().to(livez))
        .route("/readyz", web::get().to(readyz))
        .route("/metrics", web::get().to(metrics))
        .route("/", web::get().to(status::page))
        .route("/status.json", web::get().to(status::json))
        .route("/status.css", web::get().to(status::style));
}
