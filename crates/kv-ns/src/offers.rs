//! What waits for an account, kept so that nobody fills the list with their own.
//!
//! Whoever starts logins has [`MOST_SHARE`] places of an account's [`MOST`] at most, and then
//! displaces themselves. What is shown to nobody never takes the place of what is shown. Redis'
//! script `offer` does the same; one contract holds both to it.

use std::collections::HashMap;

use countersign_ports::time::Time;
use countersign_protocol::ids::LoginId;

/// Offers remembered for an account.
pub(crate) const MOST: usize = 64;
/// Of those, of one who starts logins.
pub(crate) const MOST_SHARE: usize = 8;

/// A login that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) login: LoginId,
    pub(crate) until: Time,
    /// Shown to nobody unasked.
    pub(crate) quiet: bool,
    pub(crate) share: [u8; 16],
}

/// Puts a new one at the end, in the place of another if there is no room; or nowhere.
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
