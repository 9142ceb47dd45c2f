//! Drain: everybody is sent away in good order before the pod goes.

use std::{sync::Arc, time::Duration};

use actix::Addr;
use tokio::sync::watch;

use crate::{
    registry::message::{Count, MessageRegistry, SendAway},
    watch::Watch,
};

/// The handle of the drain.
#[derive(Clone)]
pub struct Drain {
    messages: Addr<MessageRegistry>,
    watch: Watch,
    /// Heard by sessions that have no account yet: the registry does not know them.
    leave: Arc<watch::Sender<bool>>,
}

impl Drain {
    pub(crate) fn new(messages: Addr<MessageRegistry>, watch: Watch, leave: watch::Sender<bool>) -> Self {
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
