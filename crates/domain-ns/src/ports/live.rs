//! Live state: pending logins with compare-and-set, and wake-ups. Losing it may cost liveness, never an acknowledged fact.

use async_trait::async_trait;
use countersign_protocol::ids::{AccountId, EnrolmentId, LoginId, PodId, RealmId};

use crate::limits::Limit;
use countersign_ports::{Fault, time::Time};

/// What a wake-up is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    Login(LoginId),
    Enrolment(EnrolmentId),
    Account(AccountId),
    /// Its settings or apps; or it is new.
    Realm(RealmId),
    /// It has a newer connection, somewhere: the version is the number of that arrival.
    Moved(AccountId),
    /// Tell `to`: this login waits for you.
    Offered {
        to: AccountId,
        login: LoginId,
    },
    /// Tell `to`: this new phone waits for your word.
    Vouch {
        to: AccountId,
        enrolment: EnrolmentId,
    },
    /// Tell `to`: this other phone of your user came, changed or went.
    Device {
        to: AccountId,
        of: AccountId,
    },
}

/// What is counted. The realm is part of every key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Counter {
    pub realm: RealmId,
    pub kind: CounterKind,
    /// An id, or the hash of a text.
    pub key: [u8; 16],
}

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

/// Where a counter stands after this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub n: u64,
    /// Until it starts anew, in seconds, at least 1.
    pub left: u64,
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

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// It stays out until then; nothing was counted.
    pub out: Option<Time>,
    /// What it comes from is to be treated with care, and the login is not: nothing was counted or made.
    pub wary: bool,
    /// Where the gates' counters stand, as far as it came.
    pub counts: Vec<Count>,
    /// The login is there, at version 1. Not so when it was stopped, or one with this id is there.
    pub made: bool,
    /// For each account it waits for how many it would have been shown with this one; 0 where nothing is shown.
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
    /// Whether it answers, and keeps what it is given.
    async fn ping(&self) -> Result<(), Fault>;
    /// Since when it surely went back on nothing. A login that was made before may look younger here than what was acknowledged: a new master may not have
    /// heard everything of the old one.
    fn faithful_since(&self) -> Time;
    /// Stores a new login at version 1, to vanish after `ttl_secs`, unless something stands in its way; and tells whom it waits for. All of it at once.
    async fn open(&self, opening: Opening<'_>) -> Result<Opened, Fault>;
    /// What is there.
    async fn read(&self, login: LoginId) -> Result<Option<Versioned>, Fault>;
    /// Moves from exactly version `from` to `to`, and wakes; remembers for `ttl_secs` that the account has it. The login's time to live stays.
    async fn claim(&self, login: LoginId, account: AccountId, from: u64, to: Versioned, ttl_secs: u64) -> Result<Advanced, Fault>;
    /// Moves to `to`, which the store says, unless the version there is as high already, and wakes. It may be forgotten soon. Missing is fine.
    async fn settle(&self, login: LoginId, to: Versioned) -> Result<(), Fault>;
    /// Logins the account claimed lately.
    async fn claims(&self, account: AccountId) -> Result<Vec<LoginId>, Fault>;
    /// Logins that wait, or waited, for the account lately.
    async fn offers(&self, account: AccountId) -> Result<Vec<LoginId>, Fault>;
    /// The account has a new connection, here. Gives the number of this arrival, which is higher than of every one before. Where there are other pods, wakes them, and
    /// remembers it for `ttl_secs`.
    async fn arrive(&self, account: AccountId, ttl_secs: u64) -> Result<u64, Fault>;
    /// The number of each account's newest arrival, where it is remembered; in the order of the question.
    async fn newest(&self, accounts: &[AccountId]) -> Result<Vec<Option<u64>>, Fault>;
    /// These accounts' connections here, by the numbers of their arrivals, have ended.
    async fn depart(&self, gone: &[(AccountId, u64)]) -> Result<(), Fault>;
    /// Whether each account has a connection on another pod that lives; in the order of the question. A pod that died is noticed within seconds.
    async fn elsewhere(&self, accounts: &[AccountId]) -> Result<Vec<bool>, Fault>;
    /// The account's phone was heard just now; remembered for `ttl_secs`.
    async fn hear(&self, account: AccountId, ttl_secs: u64) -> Result<(), Fault>;
    /// When it was.
    async fn heard(&self, account: AccountId) -> Result<Option<Time>, Fault>;
    /// Counts one more within a window of `secs` that begins with the first.
    async fn count(&self, counter: Counter, secs: u64) -> Result<Count, Fault>;
    /// How many different members were named for this counter within `secs` of the first.
    async fn distinct(&self, counter: Counter, member: [u8; 16], secs: u64) -> Result<u64, Fault>;
    /// Takes a measure.
    async fn quarantine(&self, realm: RealmId, suspect: Suspect, secs: u64) -> Result<(), Fault>;
    /// Until when it counts.
    async fn quarantined(&self, realm: RealmId, suspect: Suspect) -> Result<Option<Time>, Fault>;
    /// All that count in a realm.
    async fn quarantines(&self, realm: RealmId) -> Result<Vec<Quarantine>, Fault>;
    /// Lifts one. False when it did not count.
    async fn release(&self, realm: RealmId, suspect: Suspect) -> Result<bool, Fault>;
    /// Wakes whoever waits for the topic, on every pod.
    async fn announce(&self, topic: Topic, v: u64) -> Result<(), Fault>;
    /// A pod's wake-ups, from now on. What listens lives on the runtime this is called on.
    async fn subscribe(&self, pod: PodId) -> Result<Box<dyn Wakes>, Fault>;
}
