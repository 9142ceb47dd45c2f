//! Orderly shutdown: the pod becomes unready, accepts no new connections, disconnects its clients,
//! and then stops. A second signal stops it at once.

use std::{process::ExitCode, time::Duration};

use actix_web::dev::{Server, ServerHandle};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    time::{Instant, sleep},
};

use crate::roles::service::Service;

/// Interval at which the drain checks whether connections are left.
const LOOK: Duration = Duration::from_millis(20);

/// The running services and servers.
pub(crate) struct Running {
    services: Vec<Box<dyn Service>>,
    phone: Vec<ServerHandle>,
    http: Vec<ServerHandle>,
    admin: Vec<ServerHandle>,
}

impl Running {
    pub(crate) fn new(services: Vec<Box<dyn Service>>) -> Self {
        Self { services, phone: Vec::new(), http: Vec::new(), admin: Vec::new() }
    }

    pub(crate) fn services(&self) -> &[Box<dyn Service>] {
        &self.services
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

    /// Waits until a load-bearing actor dies; returns the index of its service and its name.
    async fn death(&mut self) -> (usize, &'static str) {
        // One slot is enough, because the process ends at the first death.
        let (tell, mut told) = mpsc::channel(1);
        for (service, deaths) in
            self.services.iter_mut().enumerate().filter_map(|(n, s)| Some((n, s.deaths()?)))
        {
            let (tell, mut deaths) = (tell.clone(), deaths);
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

/// Serves until a signal or a death, then drains. Returns 0 after a signal, 1 after a death.
pub(crate) async fn until_the_end(mut running: Running, spread: Duration, deadline: Duration) -> ExitCode {
    let (mut term, mut int) = (listen_for(SignalKind::terminate()), listen_for(SignalKind::interrupt()));
    let code = tokio::select! {
        () = heard(&mut term) => ExitCode::SUCCESS,
        () = heard(&mut int) => ExitCode::SUCCESS,
        (service, name) = running.death() => {
            tracing::error!(actor = name, "a load-bearing actor died; this pod goes");
            running.services[service].unready(Some(name));
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
    for server in running.phone.iter().chain(&running.http).chain(&running.admin) {
        server.stop(true).await;
    }
}
