//! The trail: who did what, in the order of the commits; and what is forgotten.

use async_trait::async_trait;
use countersign_protocol::ids::RealmId;

use crate::{
    audit::{About, Entry, Filter, Stamp},
    further::UserHash,
};
use countersign_ports::{Fault, time::Time};

/// How much was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    pub events: usize,
    pub outcomes: usize,
    /// Keyed requests.
    pub requests: usize,
}

/// Since when each kind is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Endings of logins that nobody claimed, and their rows in the trail.
    pub unclaimed: Time,
    /// Rows of the trail that are no evidence.
    pub security: Time,
    /// Outcomes, by the end of their login, and rows of the trail that are evidence.
    pub evidence: Time,
    /// Keyed requests.
    pub requests: Time,
}

/// The trail.
#[async_trait]
pub trait Trail: Send + Sync {
    /// Gives what is committed its place in the feed. Reading does it first; somebody does it now
    /// and then where nobody reads.
    async fn order(&self) -> Result<(), Fault>;
    /// Rows, oldest first.
    async fn events(&self, filter: &Filter) -> Result<Vec<Entry>, Fault>;
    /// `seq` of the newest row of a realm, or of all; 0 when there is none.
    async fn last_event(&self, realm: Option<RealmId>) -> Result<u64, Fault>;
    /// A row that belongs to no other write.
    async fn tell(&self, action: &str, about: &About, stamp: &Stamp) -> Result<(), Fault>;
    /// The body's hash of a keyed request that made something.
    async fn request(&self, id: &[u8; 16]) -> Result<Option<[u8; 32]>, Fault>;
    /// Forgets what is from before these times, a batch of each kind; without a realm, what belongs
    /// to none, requests among it. What a legal hold lies on stays.
    async fn purge(&self, realm: Option<RealmId>, before: Kept) -> Result<Purged, Fault>;
    /// Puts `pseudonym` where a user's name stood, in trail, outcomes, enrolments and deleted
    /// accounts. That the user had a phone stays, under `hash`. False when a legal hold lies on the
    /// user.
    async fn erase_user(
        &self,
        realm: RealmId,
        user_id: &str,
        hash: UserHash,
        pseudonym: &str,
        stamp: &Stamp,
    ) -> Result<bool, Fault>;
}
