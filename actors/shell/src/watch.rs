//! Supervision: when a load-bearing actor, task or worker ends, the pod shuts down in an orderly way.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::mpsc;

/// Reports the deaths of load-bearing actors, tasks and workers.
#[derive(Clone)]
pub struct Supervision {
    tell: mpsc::UnboundedSender<&'static str>,
    leaving: Arc<AtomicBool>,
}

/// Receives the name of whatever died before it was asked to.
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
        // Unbounded, but each can die only once.
        let (tell, heard) = mpsc::unbounded_channel();
        (Self { tell, leaving: Arc::default() }, Deaths(heard))
    }

    /// From now on deaths are expected and not reported.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// Wraps a task that runs as long as the pod: its end, and a panic in it, are reported.
    pub fn task<F: Future>(&self, name: &'static str, task: F) -> impl Future<Output = F::Output> + use<F> {
        let vital = self.guard(name);
        async move {
            let _vital = vital;
            task.await
        }
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
