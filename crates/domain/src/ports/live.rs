//! Live state: pending logins with compare-and-set, and wake-ups. Losing it may cost liveness, never an acknowledged fact.

use async_trait::async_trait;
use countersign_protocol::ids::{AccountId, EnrolmentId, LoginId, PodId};

use crate::Fault;

/// What a wake-up is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    Login(LoginId),
    Enrolment(EnrolmentId),
    Account(AccountId),
}

/// A body with its version: the rank of its state (1 pending, 2 claimed, 3 outcome, 4 ended).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    pub v: u64,
    pub body: Vec<u8>,
}

/// What became of a compare-and-set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advanced {
    /// It was at the expected version, and has moved.
    Done,
    /// Somebody was faster; this is what is there.
    Stale(Versioned),
    /// Nothing is there (any more).
    Missing,
}

/// Something to read again. Carries no payload on purpose: the store tells, the bus wakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// This object changed, up to version `v`.
    Changed { topic: Topic, v: u64 },
    /// Wake-ups may have been lost: read everything again.
    Resync,
}

/// One pod's stream of wake-ups.
#[async_trait]
pub trait Wakes: Send {
    /// The next one; `None` when the port is gone for good.
    async fn next(&mut self) -> Option<Wake>;
}

/// The KV port. All methods may be called from any task of any runtime.
#[async_trait]
pub trait Live: Send + Sync {
    /// Stores a new login at version 1, to vanish after `ttl_secs`.
    async fn create(&self, login: LoginId, body: Vec<u8>, ttl_secs: u64) -> Result<(), Fault>;
    /// What is there.
    async fn read(&self, login: LoginId) -> Result<Option<Versioned>, Fault>;
    /// Moves from exactly version `from` to `to`, and wakes. The time to live stays.
    async fn advance(&self, login: LoginId, from: u64, to: Versioned) -> Result<Advanced, Fault>;
    /// Moves to `to` unless the version there is as high already, and wakes. The time to live stays. Missing is fine.
    async fn settle(&self, login: LoginId, to: Versioned) -> Result<(), Fault>;
    /// Remembers that the account claimed the login.
    async fn note_claim(&self, account: AccountId, login: LoginId, ttl_secs: u64) -> Result<(), Fault>;
    /// Logins the account claimed lately.
    async fn claims(&self, account: AccountId) -> Result<Vec<LoginId>, Fault>;
    /// Wakes whoever waits for the topic, on every pod.
    async fn announce(&self, topic: Topic, v: u64) -> Result<(), Fault>;
    /// A pod's wake-ups, from now on.
    async fn subscribe(&self, pod: PodId) -> Result<Box<dyn Wakes>, Fault>;
}
