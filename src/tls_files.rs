//! Replaces certificates while the program runs: it checks whether their files have changed, and on
//! SIGHUP reads them in any case.

use std::time::Duration;

use countersign_edge::tls::Tls;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};

/// Interval at which files are checked.
const LOOK: Duration = Duration::from_secs(10);

/// Watches the files, as long as the pod runs.
pub(crate) async fn watch(all: Vec<Tls>) {
    // Without certificates, SIGHUP keeps its default meaning: the terminal is gone, and the process
    // ends.
    if all.is_empty() {
        return;
    }
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(error) => {
            return tracing::error!(%error, "cannot listen for SIGHUP; certificates are not read again");
        }
    };
    loop {
        let asked = tokio::select! {
            _ = hangup.recv() => true,
            () = sleep(LOOK) => false,
        };
        for tls in &all {
            match tls.reload(asked) {
                Ok(false) => {}
                Ok(true) => {
                    tracing::info!(file = %tls.certificate().display(), "a certificate was read again")
                }
                Err(error) => {
                    tracing::error!(%error, "a certificate cannot be used; the old one stays in use")
                }
            }
        }
    }
}
