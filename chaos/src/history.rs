//! Who asked what of whom, when, and what was answered: everything the rules look at.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use countersign_api::LoginState;
use serde::Serialize;

/// Microseconds since the beginning.
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
    /// One look at the state.
    Look,
    /// Waits until it is over: from the first try to the word, over as many connections as it
    /// takes.
    Wait,
    Redeem,
    Enrol,
    /// The last look, when everything has come to rest.
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
    /// Nobody knows whether it was done.
    Lost(String),
}

/// One question and its answer.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// What it is about: a login, an enrolment, a request key.
    pub about: String,
    /// Who asks: a user's phone, a waiter.
    pub who: String,
    pub pod: usize,
    pub what: What,
    pub from: Micros,
    pub till: Micros,
    pub answer: Answer,
}

/// Something was broken on purpose.
#[derive(Clone, Debug, Serialize)]
pub struct Disturbance {
    pub what: String,
    pub from: Micros,
    /// When every pod was ready again.
    pub till: Micros,
    /// Live state may be lost: Redis began anew, or went back to what a replica had.
    pub loses_live_state: bool,
    /// Clocks of all pods went on by so many seconds.
    pub clocks: i64,
}

/// Everything that happened.
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
