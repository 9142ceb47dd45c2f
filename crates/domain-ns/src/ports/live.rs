//! Live state: undecided logins, changed by compare-and-set. Losing it may cost liveness, never an
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
    /// Logins that are announced unasked.
    Offers,
    /// Codes and links that are not genuine.
    BadClaims,
    /// Changes that an account makes to its user's phones and logins.
    Changes,
    /// Lists that an account asks for.
    Lists,
    /// "Not me" answers of a user.
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
            Self::Lists => "lists",
            Self::Accusations => "accusations",
        }
    }
}

/// A counter that an attempt counts against, with its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    pub counter: Counter,
    pub limit: Limit,
    /// Whether exceeding the limit ends the attempt. If not, the login is made, but announced to no
    /// account.
    pub shut: bool,
}

/// A login to be opened, and what may prevent that.
#[derive(Clone, Debug)]
pub struct Opening<'a> {
    pub realm: RealmId,
    /// The browser and address it comes from. Whether any of them is kept out is checked first.
    pub from: &'a [Suspect],
    /// The browser whose logins may require a number; `None` when this login already requires one,
    /// or comes from no known browser.
    pub wary: Option<Suspect>,
    /// Counted in this order. Gates behind one that ends the attempt are not counted.
    pub gates: &'a [Gate],
    pub login: LoginId,
    pub body: Vec<u8>,
    pub ttl_secs: u64,
    /// The accounts it waits for. Each remembers it; those to which it is announced are woken.
    pub to: &'a [AccountId],
    /// How many logins may be announced to one account ([`CounterKind::Offers`]).
    pub shown: Limit,
    /// The party that starts it, as a key. Each party gets a limited share of an account's list of
    /// waiting logins.
    pub share: [u8; 16],
}

/// Result of [`Live::open`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Until when the browser or address is kept out, if it is. Then nothing was counted.
    pub out: Option<Time>,
    /// The browser's logins require a number, and this one does not. Nothing was counted or made.
    pub wary: bool,
    /// The counts of the gates, in order, up to one that ended the attempt.
    pub counts: Vec<Count>,
    /// Whether the login was made, at version 1. False when it was stopped, or when a login with
    /// this id exists.
    pub made: bool,
    /// For each account in [`Opening::to`], how many logins would have been announced to it,
    /// including this one; 0 when a gate kept this one unannounced.
    pub shown: Vec<u64>,
}

/// A measure against a browser or address after "not me".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Measure {
    /// The browser is kept out.
    Browser,
    /// The whole address is kept out.
    Address,
    /// The browser may not direct logins at users; its codes still work.
    Directed,
    /// The browser's logins require a number.
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

/// A browser or address at one client, as a keyed hash, and a measure that may be in force against
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Suspect {
    pub key: [u8; 16],
    pub measure: Measure,
}

/// A measure that is in force.
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

/// Result of a compare-and-set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advanced {
    /// It was at the expected version, and has moved.
    Done,
    /// Another caller was faster; this is the current entry.
    Stale(Versioned),
    /// There is no such login (any more).
    Missing,
}

/// Live logins. All methods may be called from any task of any runtime, and fail when the port
/// cannot be reached.
#[async_trait]
pub trait Live: Send + Sync {
    /// Writes acknowledged after this time cannot have been lost in a failover. An entry written
    /// before it may be older here than what was acknowledged, because a new master may lack the
    /// last writes of the old one.
    fn faithful_since(&self) -> Time;
    /// Unless a measure or a limit prevents it, stores a new login at version 1, which vanishes
    /// after `ttl_secs`, and announces it to the accounts it waits for. All of this is atomic.
    async fn open(&self, opening: Opening<'_>) -> Result<Opened, Fault>;
    /// The login, if it is there.
    async fn read(&self, login: LoginId) -> Result<Option<Versioned>, Fault>;
    /// Moves the login from exactly version `from` to `to`, wakes those who wait for it, and
    /// remembers for `ttl_secs` that the account has claimed it. The login's time to live stays the
    /// same.
    async fn claim(
        &self,
        login: LoginId,
        account: AccountId,
        from: u64,
        to: Versioned,
        ttl_secs: u64,
    ) -> Result<Advanced, Fault>;
    /// Moves the login to `to`, its state in the store, unless its version is as high already, and
    /// wakes those who wait for it. The entry may be dropped soon after. It is no longer among the
    /// claims of the account that had claimed it. A missing login is not an error.
    async fn settle(&self, login: LoginId, to: Versioned, claimed_by: Option<AccountId>)
    -> Result<(), Fault>;
    /// Logins that the account claimed recently, oldest first.
    async fn claims(&self, account: AccountId) -> Result<Vec<LoginId>, Fault>;
    /// Logins that wait for the account or waited for it recently, oldest first.
    async fn offers(&self, account: AccountId) -> Result<Vec<LoginId>, Fault>;
    /// Puts a measure in force for `secs` seconds.
    async fn quarantine(&self, realm: RealmId, suspect: Suspect, secs: u64) -> Result<(), Fault>;
    /// Until when the measure is in force, if it is.
    async fn quarantined(&self, realm: RealmId, suspect: Suspect) -> Result<Option<Time>, Fault>;
    /// All measures in force in a realm.
    async fn quarantines(&self, realm: RealmId) -> Result<Vec<Quarantine>, Fault>;
    /// Lifts a measure. False when it was not in force.
    async fn release(&self, realm: RealmId, suspect: Suspect) -> Result<bool, Fault>;
}
