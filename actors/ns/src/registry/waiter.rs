//! The receivers of wake-ups: tasks and sessions.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use actix::{dev::SendError, prelude::*};
use countersign_domain_ns::ports::Topic;
use tokio::sync::Notify;

/// Wakes a session that watches a login: it reads the login again.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct Woken {
    pub(crate) topic: Topic,
    /// The version the login has reached; a session that knows it already need not read.
    pub(crate) v: u64,
}

/// The version of a wake-up that names none: the waiter reads in any case.
pub(super) const LOOK: u64 = u64::MAX;

/// Wakes a waiting task.
#[derive(Default)]
pub(crate) struct Bell {
    pub(super) notify: Notify,
    pub(super) refused: AtomicBool,
}

/// Result of a wake-up.
#[derive(PartialEq, Eq)]
pub(super) enum Delivery {
    Done,
    /// The session's mailbox is full: the wake-up must be sent again.
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
            // Only the registry holds the bell: its LoginWatch is gone.
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

    /// Refuses this waiter because too many wait already. A refused session is not woken; it learns
    /// the state when its phone asks.
    pub(super) fn refuse(&self) {
        if let Self::Task(bell) = self {
            bell.refused.store(true, Ordering::Relaxed);
            bell.notify.notify_one();
        }
    }
}
