//! Live state: pending logins with compare-and-set. Losing it may cost liveness, never an
//! acknowledged fact.

use async_trait::async_trait;
use countersign_protocol::ids::{AccountId, LoginId, RealmId};

use crate::limits::Limit;
use countersign_ports::{
    Fault,
    counters::{Count, Counter},
    time::Time,
};

/// Kinds of counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CounterKind {
    Initiator,
    Address,
    Client,
    User,
    /// Logins shown unasked.
    Offers,
    /// Codes and links that are not genuine.
    BadClaims,
    /// What an account changes about its user's phones and logins.
    Changes,
    /// "Not me", as a user says it.
    Accusations,
}

impl CounterKind {
    /// The counter of this kind in a realm. `key` is an id, or the hash of a text.
    #[must_use]
    pub fn of(self, realm: RealmId, key: [u8; 16]) -> Counter {
        Counter { scope: realm.0, kind: self.as_str(), key }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Initiator => "initiator",
            Self::Address => "address",
            Self::Client => "client",
            Self::User => "user",
            Self::Offers => "offers",
            Self::BadClaims => "bad",
            Self::Changes => "changes",
            Self::Accusations => "accusations",
        }
    }
}

/// A counter that an attempt counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    pub counter: Counter,
    pub limit: Limit,
    /// Too many end the attempt here. Otherwise it goes on, but is shown to nobody.
    pub shut: bool,
}

/// A login that somebody wants to begin, and what may stand in its way.
#[derive(Clone, Debug)]
pub struct Opening<'a> {
    pub realm: RealmId,
    /// What it comes from: whether one of them stays out is looked at first.
    pub from: &'a [Suspect],
    /// What it comes from that may have to be treated with care; `None` when it is already.
    pub wary: Option<Suspect>,
    /// In the order of blame: those behind one that is shut are not counted.
    pub gates: &'a [Gate],
    pub login: LoginId,
    pub body: Vec<u8>,
    pub ttl_secs: u64,
    /// The accounts it waits for: each remembers it, and is woken.
    pub to: &'a [AccountId],
    /// How many of these an account is shown ([`CounterKind::Offers`]).
    pub shown: Limit,
    /// Whoever starts it has one share of each account's list of what waits.
    pub share: [u8; 16],
}

/// Result of [`Live::open`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// It stays out until then; nothing was counted.
    pub out: Option<Time>,
    /// What it comes from is to be treated with care, and the login is not: nothing was counted or
    /// made.
    pub wary: bool,
    /// Where the gates' counters stand, as far as it came.
    pub counts: Vec<Count>,
    /// The login is there, at version 1. Not so when it was stopped, or one with this id is there.
    pub made: bool,
    /// For each account it waits for how many it would have been shown with this one; 0 where
    /// nothing is shown.
    pub shown: Vec<u64>,
}

/// What is done to a browser or address after "not me".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Measure {
    /// A browser stays out.
    Browser,
    /// A whole address stays out.
    Address,
    /// A browser directs no logins at users; its codes work.
    Directed,
    /// A browser's logins take a number.
    Number,
}

impl Measure {
    pub const ALL: [Self; 4] = [Self::Browser, Self::Address, Self::Directed, Self::Number];

    /// The spelling in REST and in the trail.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Address => "address",
            Self::Directed => "directed",
            Self::Number => "number",
        }
    }
}

/// A browser or address at one client, as a keyed hash, and what may be done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Suspect {
    pub key: [u8; 16],
    pub measure: Measure,
}

/// A measure that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quarantine {
    pub suspect: Suspect,
    pub until: Time,
}

/// The body of a login with its version ([`LoginState::version`]).
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

/// Live logins. All methods may be called from any task of any runtime, and fail when the port
/// cannot be reached.
#[async_trait]
pub trait Live: Send + Sync {
    /// Writes acknowledged after this time cannot have been lost in a failover. What was
    /// acknowledged before may look older here than it is: a new master may not have heard
    /// everything of the old one.
    fn faithful_since(&self) -> Time;
    /// Stores a new login at version 1, to vanish after `ttl_secs`, unless something stands in its
    /// way; and tells whom it waits for. All of it at once.
    async fn open(&self, opening: Opening<'_>) -> Result<Opened, Fault>;
    /// What is there.
    async fn read(&self, login: LoginId) -> Result<Option<Versioned>, Fault>;
    /// Moves from exactly version `from` to `to`, and wakes; remembers for `ttl_secs` that the
    /// account has it. The login's time to live stays.
    async fn claim(
        &self,
        login: LoginId,
        account: AccountId,
        from: u64,
        to: Versioned,
        ttl_secs: u64,
    ) -> Result<Advanced, Fault>;
    /// Moves to `to`, which the store says, unless the version there is as high already, and wakes.
    /// It may be forgotten soon. Missing is fine.
    async fn settle(&self, login: LoginId, to: Versioned) -> Result<(), Fault>;
    /// Logins the account claimed lately.
    async fn claims(&self, account: AccountId) -> Result<Vec<LoginId>, Fault>;
    /// Logins that wait, or waited, for the account lately.
    async fn offers(&self, account: AccountId) -> Result<Vec<LoginId>, Fault>;
    /// Takes a measure.
    async fn quarantine(&self, realm: RealmId, suspect: Suspect, secs: u64) -> Result<(), Fault>;
    /// Until when it counts.
    async fn quarantined(&self, realm: RealmId, suspect: Suspect) -> Result<Option<Time>, Fault>;
    /// All that count in a realm.
    async fn quarantines(&self, realm: RealmId) -> Result<Vec<Quarantine>, Fault>;
    /// Lifts one. False when it did not count.
    async fn release(&self, realm: RealmId, suspect: Suspect) -> Result<bool, Fault>;
}
