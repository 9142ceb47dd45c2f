//! Certificates are replaced while the program runs: it looks whether their files have changed, and
//! at SIGHUP reads them whatever they look like.

use std::time::Duration;

use countersign_edge::tls::Tls;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// For as long as the pod lives.
pub(crate) async fn watch(all: Vec<Tls>) {
    // Without certificates SIGHUP means what it means everywhere: the terminal is gone.
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
