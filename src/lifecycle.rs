//! Orderly shutdown: the pod becomes unready, accepts no new connections, disconnects its clients,
//! and then stops. A second signal stops it at once.

use std::{process::ExitCode, time::Duration};

use actix_web::dev::{Server, ServerHandle};
use countersign_actors_shell::{Deaths, Supervision};
use countersign_edge::workers::Workers;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    time::{Instant, sleep},
};

use crate::roles::service::Service;

/// Interval at which the drain checks whether connections are left.
const LOOK: Duration = Duration::from_millis(20);

/// How long the workers of all listeners may take to start.
const WORKERS: Duration = Duration::from_secs(10);

/// The running services and servers.
pub(crate) struct Running {
    services: Vec<Box<dyn Service>>,
    phone: Vec<ServerHandle>,
    http: Vec<ServerHandle>,
    admin: Vec<ServerHandle>,
    /// The workers of each listener, and how many there must be.
    workers: Vec<(Workers, usize)>,
    /// What no service owns: listeners, their workers, background tasks.
    supervision: Supervision,
    deaths: Option<Deaths>,
}

/// A server that listens, and its workers.
pub(crate) struct Listening {
    pub(crate) server: Server,
    pub(crate) workers: Workers,
    /// The number of workers there must be.
    pub(crate) expected: usize,
}

impl Running {
    pub(crate) fn new(services: Vec<Box<dyn Service>>, supervision: Supervision, deaths: Deaths) -> Self {
        let (phone, http, admin, workers) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { services, phone, http, admin, workers, supervision, deaths: Some(deaths) }
    }

    pub(crate) fn services(&self) -> &[Box<dyn Service>] {
        &self.services
    }

    pub(crate) fn supervision(&self) -> &Supervision {
        &self.supervision
    }

    pub(crate) fn add_phone(&mut self, listening: Listening) {
        let handle = self.started(listening);
        self.phone.push(handle);
    }

    pub(crate) fn add_http(&mut self, listening: Listening) {
        let handle = self.started(listening);
        self.http.push(handle);
    }

    pub(crate) fn add_admin(&mut self, listening: Listening) {
        let handle = self.started(listening);
        self.admin.push(handle);
    }

    /// Adds a server that has no workers to count.
    pub(crate) fn add_demo(&mut self, server: Server) {
        let handle = run(server, &self.supervision, "the demo's listener");
        self.http.push(handle);
    }

    fn started(&mut self, listening: Listening) -> ServerHandle {
        let Listening { server, workers, expected } = listening;
        let handle = run(server, &self.supervision, workers.name());
        self.workers.push((workers, expected));
        handle
    }

    /// Waits until every worker of every listener has started.
    ///
    /// # Errors
    /// When some have not, with what to do.
    pub(crate) async fn all_started(&self) -> Result<(), String> {
        let until = Instant::now() + WORKERS;
        for (workers, expected) in &self.workers {
            let left = until.saturating_duration_since(Instant::now());
            workers.all(*expected, left).await.map_err(|started| {
                format!(
                    "{} has {started} of {expected} workers: the system starts no more threads; raise the \
                        limits of memory, processes and open files (ulimit -v, -u, -n), or set fewer workers",
                    workers.name()
                )
            })?;
        }
        Ok(())
    }

    /// Waits until something load-bearing dies; returns its name, and the index of its service if
    /// it belongs to one.
    async fn death(&mut self) -> (Option<usize>, &'static str) {
        // One slot is enough, because the process ends at the first death.
        let (tell, mut told) = mpsc::channel(1);
        let of_services =
            self.services.iter_mut().enumerate().filter_map(|(n, s)| Some((Some(n), s.deaths()?)));
        let of_process = self.deaths.take().map(|deaths| (None, deaths));
        for (service, mut deaths) in of_services.chain(of_process) {
            let tell = tell.clone();
            actix_rt::spawn(async move {
                let _the_end_has_begun = tell.try_send((service, deaths.next().await));
            });
        }
        match told.recv().await {
            Some(death) => death,
            None => std::future::pending().await,
        }
    }
}

fn run(server: Server, supervision: &Supervision, name: &'static str) -> ServerHandle {
    let handle = server.handle();
    actix_rt::spawn(supervision.task(name, async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "a listener failed");
        }
    }));
    handle
}

fn listen_for(kind: SignalKind) -> Option<Signal> {
    signal(kind).inspect_err(|error| tracing::error!(%error, "cannot listen for signals")).ok()
}

async fn heard(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Serves until a signal or a death, then drains. SIGHUP, which ends a process that does not listen
/// for it, is listened for elsewhere. Returns 0 after a signal, 1 after a death.
pub(crate) async fn until_the_end(mut running: Running, spread: Duration, deadline: Duration) -> ExitCode {
    let (mut term, mut int) = (listen_for(SignalKind::terminate()), listen_for(SignalKind::interrupt()));
    let code = tokio::select! {
        () = heard(&mut term) => ExitCode::SUCCESS,
        () = heard(&mut int) => ExitCode::SUCCESS,
        (service, name) = running.death() => {
            tracing::error!(actor = name, "a load-bearing actor died; this pod goes");
            let own = service.map_or(0..running.services.len(), |n| n..n + 1);
            running.services[own].iter().for_each(|service| service.unready(Some(name)));
            ExitCode::FAILURE
        }
    };
    tracing::info!("draining");
    tokio::select! {
        () = drain(&running, spread, deadline) => {}
        () = heard(&mut term) => tracing::warn!("told twice: stopping now"),
        () = heard(&mut int) => tracing::warn!("told twice: stopping now"),
    }
    code
}

async fn drain(running: &Running, spread: Duration, deadline: Duration) {
    let until = Instant::now() + deadline;
    // The pod becomes unready first, so that the load balancer moves on; then it accepts no new
    // connections.
    running.services.iter().for_each(|service| service.unready(None));
    for phone in &running.phone {
        phone.pause().await;
    }
    let mut sent = 0;
    for service in &running.services {
        sent += service.send_away(spread).await;
    }
    let left = async || {
        let mut left = 0;
        for service in &running.services {
            left += service.left().await;
        }
        left
    };
    while Instant::now() < until && left().await > 0 {
        sleep(LOOK).await;
    }
    tracing::info!(sent, left = left().await, "drained");
    running.services.iter().for_each(|service| service.expect_the_end());
    running.supervision.leave();
    for server in running.phone.iter().chain(&running.http).chain(&running.admin) {
        server.stop(true).await;
    }
}
