//! Replaces certificates while the program runs: it checks whether their files have changed, and on
//! SIGHUP reads them in any case. It also says when one is not valid yet, is about to expire, and
//! has expired.

use std::{sync::Arc, time::Duration};

use countersign_edge::{metrics::Metric, observed::Observed, tls::Tls};
use countersign_ports::time::{Clock, Time};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::sleep,
};

use crate::ports::WallClock;

/// Interval at which files are checked.
const LOOK: Duration = Duration::from_secs(10);
/// How long before its end a certificate is complained of.
const SOON_MS: u64 = 14 * DAY_MS;
/// How often it is complained of.
const DAY_MS: u64 = 86_400_000;

/// Makes SIGHUP harmless from now on. Once tokio has listened for a signal, the signal no longer has
/// its usual effect on the process, whatever becomes of the runtime that listened.
pub(crate) fn survive_hangup() {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
    let _entered = runtime.enter();
    // The error comes again, and is told, where somebody listens.
    let _listened = signal(SignalKind::hangup());
}

/// Listens for SIGHUP, which otherwise would end the process: a terminal that closes, or an operator
/// who means "read the certificates again", ends no pod.
pub(crate) fn listen_for_hangup() -> Option<Signal> {
    signal(SignalKind::hangup())
        .inspect_err(|error| tracing::error!(%error, "cannot listen for SIGHUP, which will end this process"))
        .ok()
}

/// One listener's certificate, and when its end was last complained of.
pub(crate) struct Watched {
    tls: Tls,
    /// What the listener serves.
    resources: Vec<&'static str>,
    told: Option<Time>,
}

impl Watched {
    pub(crate) fn new(tls: Tls, resources: Vec<&'static str>) -> Self {
        Self { tls, resources, told: None }
    }
}

/// Watches the files, as long as the pod runs.
pub(crate) async fn watch(
    mut hangup: Option<Signal>,
    mut all: Vec<Watched>,
    observers: Vec<Arc<dyn Observed>>,
) {
    let mut asked = false;
    loop {
        if asked && all.is_empty() {
            tracing::info!("SIGHUP: no listener has a certificate to read again");
        }
        for watched in &mut all {
            reload(watched, asked);
            tell_begin(watched, WallClock.now());
            tell_end(watched, WallClock.now());
            let end = i64::try_from(watched.tls.not_after().secs()).unwrap_or(i64::MAX);
            for (observer, resource) in
                observers.iter().flat_map(|o| watched.resources.iter().map(move |r| (o, r)))
            {
                observer.metrics().set(Metric::CertificateEnd, &[*resource], end);
            }
        }
        asked = tokio::select! {
            () = next(&mut hangup) => true,
            () = sleep(LOOK) => false,
        };
    }
}

async fn next(hangup: &mut Option<Signal>) {
    match hangup {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

fn reload(watched: &mut Watched, asked: bool) {
    match watched.tls.reload(asked, WallClock.now()) {
        Ok(false) => {}
        Ok(true) => {
            watched.told = None;
            tracing::info!(file = %watched.tls.certificate(), "a certificate was read again");
        }
        Err(error) => {
            tracing::error!(%error, "a certificate cannot be used; the old one stays in use");
        }
    }
}

fn tell_begin(watched: &mut Watched, now: Time) {
    let begin = watched.tls.not_before();
    if begin <= now || watched.told.is_some_and(|told| now.0 < told.0 + DAY_MS) {
        return;
    }
    watched.told = Some(now);
    tracing::error!(
        file = %watched.tls.certificate(),
        from = begin.secs(),
        "a certificate is not valid yet, and clients refuse it; replace the file, or set this machine's clock"
    );
}

fn tell_end(watched: &mut Watched, now: Time) {
    let end = watched.tls.not_after();
    if end.0 > now.0.saturating_add(SOON_MS) || watched.told.is_some_and(|told| now.0 < told.0 + DAY_MS) {
        return;
    }
    watched.told = Some(now);
    let file = watched.tls.certificate();
    if end <= now {
        let days = (now.0 - end.0) / DAY_MS;
        tracing::error!(%file, days, "a certificate has expired, and clients refuse it; replace the file");
    } else {
        let days = (end.0 - now.0) / DAY_MS;
        tracing::warn!(%file, days, "a certificate expires soon; replace the file");
    }
}
