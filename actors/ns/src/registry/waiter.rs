//! Who waits for a wake-up: a task, or a session.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use actix::{dev::SendError, prelude::*};
use countersign_domain_ns::ports::Topic;
use tokio::sync::Notify;

/// Told to a session that watches: read this login again.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct Woken {
    pub(crate) topic: Topic,
    /// The version it has reached; whoever knows that one need not read.
    pub(crate) v: u64,
}

/// A wake-up that tells no version: read in any case.
pub(super) const LOOK: u64 = u64::MAX;

/// Rings in a waiting task.
#[derive(Default)]
pub(crate) struct Bell {
    pub(super) notify: Notify,
    pub(super) refused: AtomicBool,
}

/// Result of a wake-up.
#[derive(PartialEq, Eq)]
pub(super) enum Delivery {
    Done,
    /// The session's mailbox is full: it must be told again.
    Later,
    /// The session is gone.
    Never,
}

#[derive(Clone)]
pub(crate) enum Waiter {
    /// A task that waits (a page, a long poll).
    Task(Arc<Bell>),
    /// A session.
    Session(Recipient<Woken>),
}

impl Waiter {
    pub(super) fn wake(&self, topic: Topic, v: u64) -> Delivery {
        match self {
            // Its LoginWatch is gone.
            Self::Task(bell) if Arc::strong_count(bell) == 1 => Delivery::Never,
            Self::Task(bell) => {
                bell.notify.notify_one();
                Delivery::Done
            }
            Self::Session(to) => match to.try_send(Woken { topic, v }) {
                Ok(()) => Delivery::Done,
                Err(SendError::Full(_)) => Delivery::Later,
                Err(SendError::Closed(_)) => Delivery::Never,
            },
        }
    }

    /// Too many wait already. A session does without: it is told when it asks.
    pub(super) fn refuse(&self) {
        if let Self::Task(bell) = self {
            bell.refused.store(true, Ordering::Relaxed);
            bell.notify.notify_one();
        }
    }
}
