//! The trail: who did what, in the order of the commits; and purging what has expired.

use async_trait::async_trait;
use countersign_protocol::ids::RealmId;

use super::Page;
use crate::{
    audit::{About, Entry, Filter, Stamp},
    further::UserHash,
};
use countersign_ports::{Fault, time::Time};

/// How much was purged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    pub events: usize,
    pub outcomes: usize,
    /// Marks of keyed requests.
    pub requests: usize,
    /// Attestations that could not be used any more.
    pub attestations: usize,
}

/// For each kind, the time before which entries are purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Outcomes of logins that no phone claimed, and their rows in the trail.
    pub unclaimed: Time,
    /// Rows of the trail that are not evidence.
    pub security: Time,
    /// Outcomes, by the end of their login, and rows of the trail that are evidence.
    pub evidence: Time,
    /// Marks of keyed requests.
    pub requests: Time,
    /// Attestations whose time is over now.
    pub attestations: Time,
}

/// The trail.
#[async_trait]
pub trait Trail: Send + Sync {
    /// Assigns committed rows their position in the feed. Reading does this first; background
    /// maintenance does it now and then in case no one reads.
    async fn order(&self) -> Result<(), Fault>;
    /// Upkeep that the database does too late by itself; called every few seconds.
    async fn tend(&self) -> Result<(), Fault>;
    /// Rows that match the filter, oldest first.
    async fn events(&self, filter: &Filter) -> Result<Page<Entry, u64>, Fault>;
    /// `seq` of the newest row of a realm, or of all; 0 when there is none.
    async fn last_event(&self, realm: Option<RealmId>) -> Result<u64, Fault>;
    /// Writes a row that belongs to no other write.
    async fn tell(&self, action: &str, about: &About, stamp: &Stamp) -> Result<(), Fault>;
    /// The hash of the body of the keyed request with this id, if it made something.
    async fn request(&self, id: &[u8; 16]) -> Result<Option<[u8; 32]>, Fault>;
    /// Purges what is older than these times, one batch of each kind. Without a realm, it purges
    /// the rows that belong to none, and the marks of keyed requests. Data under a legal hold
    /// stays.
    async fn purge(&self, realm: Option<RealmId>, before: Kept) -> Result<Purged, Fault>;
    /// Puts `pseudonym` where a user's name stood, in trail, outcomes, enrolments and deleted
    /// accounts. That the user had a phone stays recorded under `hash`. False when the user is
    /// under a legal hold.
    async fn erase_user(
        &self,
        realm: RealmId,
        user_id: &str,
        hash: UserHash,
        pseudonym: &str,
        stamp: &Stamp,
    ) -> Result<bool, Fault>;
}
