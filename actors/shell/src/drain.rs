//! Drain: ends all sessions in an orderly way before the pod stops.

use std::{sync::Arc, time::Duration};

use actix::Addr;
use tokio::sync::watch;

use crate::{
    conversation::Event,
    registry::{Count, MessageRegistry, SendAway},
    watch::Supervision,
};

/// The handle of a drain.
pub struct Drain<E: Event> {
    messages: Addr<MessageRegistry<E>>,
    watch: Supervision,
    /// Signals sessions that have not authenticated yet and are therefore unknown to the registry.
    leave: Arc<watch::Sender<bool>>,
}

impl<E: Event> Clone for Drain<E> {
    fn clone(&self) -> Self {
        Self { messages: self.messages.clone(), watch: self.watch.clone(), leave: self.leave.clone() }
    }
}

impl<E: Event> Drain<E> {
    /// Creates the handle. `leave` signals sessions that have not authenticated yet.
    #[must_use]
    pub fn new(messages: Addr<MessageRegistry<E>>, watch: Supervision, leave: watch::Sender<bool>) -> Self {
        Self { messages, watch, leave: Arc::new(leave) }
    }

    /// From now on the end of a registry is expected and not treated as a failure.
    pub fn expect_the_end(&self) {
        self.watch.leave();
    }

    /// Makes every session say goodbye, spread over `spread`; returns how many registered sessions
    /// there were.
    pub async fn send_away(&self, spread: Duration) -> usize {
        self.leave.send_replace(true);
        self.messages.send(SendAway(spread)).await.unwrap_or(0)
    }

    /// The number of registered sessions that are left.
    pub async fn left(&self) -> usize {
        self.messages.send(Count).await.unwrap_or(0)
    }
}
