//! Supervision: when a load-bearing actor dies, the pod shuts down in an orderly way.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::mpsc;

/// Reports the deaths of load-bearing actors.
#[derive(Clone)]
pub struct Supervision {
    tell: mpsc::UnboundedSender<&'static str>,
    leaving: Arc<AtomicBool>,
}

/// Receives the name of each load-bearing actor that died before it was asked to.
pub struct Deaths(mpsc::UnboundedReceiver<&'static str>);

impl Deaths {
    /// Waits for the next death; waits for ever when there is none.
    pub async fn next(&mut self) -> &'static str {
        match self.0.recv().await {
            Some(name) => name,
            None => std::future::pending().await,
        }
    }
}

impl Supervision {
    /// Creates a supervision and the receiver of its reports.
    #[must_use]
    pub fn new() -> (Self, Deaths) {
        // Unbounded, but each load-bearing actor can die only once.
        let (tell, heard) = mpsc::unbounded_channel();
        (Self { tell, leaving: Arc::default() }, Deaths(heard))
    }

    /// From now on deaths are expected and not reported.
    pub(crate) fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// Returns a field for the watched actor; dropping it reports the death, however the actor
    /// ends.
    #[must_use]
    pub fn guard(&self, name: &'static str) -> Vital {
        Vital { watch: self.clone(), name }
    }
}

/// The guard of a watched actor; see [`Supervision::guard`].
pub struct Vital {
    watch: Supervision,
    name: &'static str,
}

impl Drop for Vital {
    fn drop(&mut self) {
        if !self.watch.leaving.load(Ordering::Relaxed) {
            // The receiver is gone only when the program is ending anyway.
            let _ = self.watch.tell.send(self.name);
        }
    }
}
