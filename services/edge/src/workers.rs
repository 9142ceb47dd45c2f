//! The workers of a listener: threads of the server that accept and serve connections.
//!
//! A server goes on when one of its threads cannot be started, or has ended. Its listener then
//! accepts less or nothing, and nobody notices. So each worker says that it has started, and its
//! end is a death like that of a load-bearing actor.

use std::{sync::Arc, time::Duration};

use countersign_actors_shell::{Supervision, Vital};
use tokio::{sync::watch, time::timeout};

/// Counts the workers of one listener.
#[derive(Clone)]
pub struct Workers {
    name: &'static str,
    supervision: Supervision,
    started: Arc<watch::Sender<usize>>,
}

impl Workers {
    /// `name` is what died, in logs and readiness causes.
    #[must_use]
    pub fn new(name: &'static str, supervision: Supervision) -> Self {
        Self { name, supervision, started: Arc::new(watch::Sender::new(0)) }
    }

    /// Called in each worker as it starts, with the socket it starts to serve. The worker keeps
    /// what this returns.
    pub(crate) fn start(&self) -> Arc<Vital> {
        self.started.send_modify(|n| *n += 1);
        Arc::new(self.supervision.guard(self.name))
    }

    /// The name of the listener.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Waits until so many have started.
    ///
    /// # Errors
    /// The number of those that have, when others do not within this time.
    pub async fn all(&self, expected: usize, patience: Duration) -> Result<(), usize> {
        let mut started = self.started.subscribe();
        match timeout(patience, started.wait_for(|n| *n >= expected)).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(*self.started.borrow()),
        }
    }
}
