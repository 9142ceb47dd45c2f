//! The end in good order: unready, accept nobody new, send everybody away, then stop. A second signal ends at once.

use std::{process::ExitCode, time::Duration};

use actix_web::dev::{Server, ServerHandle};
use countersign_actors_ns::Heart;
use countersign_actors_shell::Deaths;
use countersign_edge::{admin::Readiness, metrics::Metric};
use countersign_ns::metrics::{self, Metrics};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::{Instant, sleep},
};

/// How often the drain looks whether the last one has gone.
const LOOK: Duration = Duration::from_millis(20);

/// Everything that runs.
pub(crate) struct Running {
    deaths: Deaths,
    readiness: Readiness,
    metrics: Metrics,
    leave: watch::Sender<bool>,
    phone: Vec<actix_web::dev::ServerHandle>,
    http: Vec<ServerHandle>,
    admin: Vec<ServerHandle>,
}

impl Running {
    pub(crate) fn new(deaths: Deaths, readiness: Readiness, metrics: Metrics, leave: watch::Sender<bool>) -> Self {
        Self { deaths, readiness, metrics, leave, phone: Vec::new(), http: Vec::new(), admin: Vec::new() }
    }

    pub(crate) fn add_phone(&mut self, server: Server) {
        self.phone.push(started(server));
    }

    pub(crate) fn add_http(&mut self, server: Server) {
        self.http.push(started(server));
    }

    pub(crate) fn add_admin(&mut self, server: Server) {
        self.admin.push(started(server));
    }
}

fn started(server: Server) -> ServerHandle {
    let handle = server.handle();
    actix_rt::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "a listener failed");
        }
    });
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

/// Serves until a signal or a death, then drains. Gives 0 after a signal, 1 after a death.
pub(crate) async fn until_the_end(mut running: Running, heart: &Heart, spread: Duration, deadline: Duration) -> ExitCode {
    let (mut term, mut int) = (listen_for(SignalKind::terminate()), listen_for(SignalKind::interrupt()));
    let code = tokio::select! {
        () = heard(&mut term) => ExitCode::SUCCESS,
        () = heard(&mut int) => ExitCode::SUCCESS,
        name = running.deaths.next() => {
            tracing::error!(actor = name, "a load-bearing actor died; this pod goes");
            running.readiness.bury(name);
            ExitCode::FAILURE
        }
    };
    tracing::info!("draining");
    tokio::select! {
        () = drain(&running, heart, spread, deadline) => {}
        () = heard(&mut term) => tracing::warn!("told twice: stopping now"),
        () = heard(&mut int) => tracing::warn!("told twice: stopping now"),
    }
    code
}

async fn drain(running: &Running, heart: &Heart, spread: Duration, deadline: Duration) {
    let until = Instant::now() + deadline;
    // Unready first, so that the load balancer moves on; then nobody new.
    running.readiness.drain();
    for phone in &running.phone {
        phone.pause().await;
    }
    let _pages_hear_it = running.leave.send(true);
    let sent = heart.drain.send_away(spread).await;
    let phones = || running.metrics.shared.level(Metric::PhoneConnections);
    let connections = || phones() + running.metrics.own.level(metrics::Metric::PageConnections);
    while Instant::now() < until && (heart.drain.left().await > 0 || connections() > 0) {
        sleep(LOOK).await;
    }
    tracing::info!(sent, left = phones(), "drained");
    heart.drain.expect_the_end();
    for server in running.phone.iter().chain(&running.http).chain(&running.admin) {
        server.stop(true).await;
    }
}
