//! Rate limits. They count the party that starts something before the party it is done to, so that
//! strangers run into their own limits and not into their victim's.

use serde::{Deserialize, Serialize};

/// At most `most` in `secs` seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    pub most: u64,
    pub secs: u64,
}

const fn limit(most: u64, secs: u64) -> Limit {
    Limit { most, secs }
}

/// The limits of one realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Logins that one browser or one phone may start; also changes that one phone may make to its
    /// user's phones and logins.
    pub initiator: Limit,
    /// Logins directed at one user. Those beyond the limit wait without being announced to the
    /// phones.
    pub user: Limit,
    /// Logins that are announced to one account unasked; those beyond the limit wait unannounced.
    /// Also the measure for codes and links that are not genuine, shown by one account.
    pub account: Limit,
    /// Logins one client may start.
    pub client: Limit,
    /// Logins from one address, which a whole company or mobile network may share.
    pub address: Limit,
    /// Seconds for which a browser is kept out after users said "not me".
    pub quarantine_secs: u64,
    /// How many users have to say "not me" to one address within `quarantine_secs` before it is
    /// kept out; at least two.
    pub address_accounts: u64,
    /// Seconds for which an address is kept out.
    pub address_secs: u64,
    /// Seconds for which a browser's logins require a number after one user said "not me" to its
    /// code or link.
    pub wary_secs: u64,
    /// How many times a user's "not me" has consequences for others.
    pub accusations: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            initiator: limit(30, 600),
            user: limit(10, 600),
            account: limit(5, 600),
            client: limit(60_000, 60),
            address: limit(3000, 600),
            quarantine_secs: 3600,
            address_accounts: 3,
            address_secs: 900,
            wary_secs: 600,
            accusations: limit(5, 3600),
        }
    }
}

/// What ran into a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitedBy {
    Initiator,
    Account,
    Client,
    Address,
    /// Users said "not me" to this browser or address.
    Quarantine,
}

impl LimitedBy {
    pub const ALL: [Self; 5] =
        [Self::Initiator, Self::Account, Self::Client, Self::Address, Self::Quarantine];

    /// The spelling in problems, events and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initiator => "initiator",
            Self::Account => "account",
            Self::Client => "client",
            Self::Address => "address",
            Self::Quarantine => "quarantine",
        }
    }
}

/// A limit was reached, and when to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    pub by: LimitedBy,
    /// In seconds, at least 1.
    pub retry_after: u64,
}
