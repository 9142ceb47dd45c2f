//! Drain: everybody is sent away in good order before the pod goes.

use std::{sync::Arc, time::Duration};

use actix::Addr;
use tokio::sync::watch;

use crate::{
    conversation::Event,
    registry::{Count, MessageRegistry, SendAway},
    watch::Supervision,
};

/// The handle of the drain.
pub struct Drain<E: Event> {
    messages: Addr<MessageRegistry<E>>,
    watch: Supervision,
    /// Heard by sessions that have not authenticated yet: the registry does not know them.
    leave: Arc<watch::Sender<bool>>,
}

impl<E: Event> Clone for Drain<E> {
    fn clone(&self) -> Self {
        Self { messages: self.messages.clone(), watch: self.watch.clone(), leave: self.leave.clone() }
    }
}

impl<E: Event> Drain<E> {
    /// `leave` is what sessions that have not authenticated yet listen to.
    #[must_use]
    pub fn new(messages: Addr<MessageRegistry<E>>, watch: Supervision, leave: watch::Sender<bool>) -> Self {
        Self { messages, watch, leave: Arc::new(leave) }
    }

    /// From now on the end of a registry is no accident.
    pub fn expect_the_end(&self) {
        self.watch.leave();
    }

    /// Tells every session to say goodbye, spread over `spread`; gives how many there were.
    pub async fn send_away(&self, spread: Duration) -> usize {
        self.leave.send_replace(true);
        self.messages.send(SendAway(spread)).await.unwrap_or(0)
    }

    /// How many sessions are left.
    pub async fn left(&self) -> usize {
        self.messages.send(Count).await.unwrap_or(0)
    }
}
