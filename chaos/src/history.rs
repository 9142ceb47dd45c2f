//! The history of a run, which the rules check: who asked which pod for what and when, and what the
//! pod answered.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use countersign_api::LoginState;
use serde::Serialize;

/// Microseconds since the beginning of the run.
pub type Micros = u64;

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Create,
    Claim,
    Approve,
    Refuse,
    Cancel,
    /// Reads the state once.
    Look,
    /// Waits for the outcome: from the first try until it is received, over as many connections as
    /// it takes.
    Wait,
    Redeem,
    Enrol,
    /// Reads the state for the last time, when all activity has ended.
    Last,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The login's state.
    State(LoginState),
    /// An id or a name.
    Is(String),
    /// A refusal, by its code.
    No(String),
    /// No answer: it is unknown whether the request took effect.
    Lost(String),
}

/// One request and its answer.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// The object of the request: a login, an enrolment or an idempotency key.
    pub about: String,
    /// Who asks: a user's phone, a client, a page or a poll.
    pub who: String,
    pub pod: usize,
    pub what: What,
    pub from: Micros,
    pub till: Micros,
    pub answer: Answer,
}

/// A time in which something was broken, on purpose or by itself.
#[derive(Clone, Debug, Serialize)]
pub struct Disturbance {
    pub what: String,
    pub from: Micros,
    /// When every pod was ready again.
    pub till: Micros,
    /// Whether live state may be lost: Redis restarted empty, or fell back to what a replica had.
    pub loses_live_state: bool,
    /// Seconds by which the clocks of all pods were advanced.
    pub clocks: i64,
}

/// All requests and disturbances of a run.
pub struct History {
    begin: Instant,
    calls: Mutex<Vec<Call>>,
    disturbances: Mutex<Vec<Disturbance>>,
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for History {
    fn default() -> Self {
        Self { begin: Instant::now(), calls: Mutex::default(), disturbances: Mutex::default() }
    }
}

impl History {
    #[must_use]
    pub fn now(&self) -> Micros {
        u64::try_from(self.begin.elapsed().as_micros()).unwrap_or(Micros::MAX)
    }

    pub fn note(&self, call: Call) {
        locked(&self.calls).push(call);
    }

    pub fn disturbed(&self, disturbance: Disturbance) {
        locked(&self.disturbances).push(disturbance);
    }

    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        locked(&self.calls).clone()
    }

    #[must_use]
    pub fn disturbances(&self) -> Vec<Disturbance> {
        locked(&self.disturbances).clone()
    }

    #[must_use]
    pub fn operations(&self) -> usize {
        locked(&self.calls).len()
    }
}
