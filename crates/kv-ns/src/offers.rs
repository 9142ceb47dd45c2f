//! Logins that wait for an account (offers), limited so that no initiator can fill the list alone.
//!
//! One initiator has at most [`MOST_SHARE`] of an account's [`MOST`] slots, and beyond that
//! displaces its own offers. An offer that is shown to nobody never displaces one that is shown.
//! The function `offer` of the Redis scripts does the same; one contract test covers both.

use std::collections::HashMap;

use countersign_ports::time::Time;
use countersign_protocol::ids::LoginId;

/// Maximum number of offers stored for an account.
pub(crate) const MOST: usize = 64;
/// Maximum number of those from one initiator.
pub(crate) const MOST_SHARE: usize = 8;

/// A login that waits for an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) login: LoginId,
    pub(crate) until: Time,
    /// Not shown to the phone unless it asks.
    pub(crate) quiet: bool,
    pub(crate) share: [u8; 16],
}

/// Appends a new offer, and removes another if there is no room. A quiet offer that would have to
/// displace a shown one is dropped.
pub(crate) fn put(all: &mut Vec<Offer>, new: Offer) {
    let of_share = all.iter().filter(|o| o.share == new.share).count();
    let full = of_share >= MOST_SHARE || all.len() >= MOST;
    if full {
        let one_share = of_share >= MOST_SHARE;
        let mine = |o: &&Offer| !one_share || o.share == new.share;
        let quiet = all.iter().filter(mine).any(|o| o.quiet);
        if !quiet && new.quiet {
            return;
        }
        let candidates = || all.iter().filter(mine).filter(|o| !quiet || o.quiet);
        let mut shares: HashMap<[u8; 16], usize> = HashMap::new();
        candidates().for_each(|o| *shares.entry(o.share).or_default() += 1);
        let fullest = shares.values().copied().max().unwrap_or(0);
        let victim = candidates().find(|o| shares.get(&o.share) == Some(&fullest)).map(|o| o.login);
        all.retain(|o| Some(o.login) != victim);
    }
    all.push(new);
}
