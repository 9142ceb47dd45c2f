//! What the flows need from outside. Adapters live in `crates/store-ns` (Diesel) and `crates/kv` (in-memory, Redis); the program puts them together.

mod live;
mod meter;
mod store;

use std::sync::Arc;

pub use live::{Advanced, Count, Counter, CounterKind, Gate, Live, Opened, Opening, Quarantine, Topic, Versioned, Wake, Wakes};
pub use meter::{Alert, Answered, Fact, Meter, Unmetered};
pub use store::{AccountQuery, Directory, Logins, People, Purged, Recorded, Redeemed, Rotated, Store, Trail, UserQuery, UserSort};

use crate::{
    audit::{Stamp, Who},
    random::Random,
    time::Time,
    vault::Vault,
};
use countersign_protocol::ids::AuditId;

/// The wall clock.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Time;
}

/// All ports of NS in one hand.
#[derive(Clone)]
pub struct Ports {
    pub store: Arc<dyn Store>,
    pub live: Arc<dyn Live>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub vault: Arc<Vault>,
    pub meter: Arc<dyn Meter>,
}

impl Ports {
    /// Now.
    #[must_use]
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// A stamp for a write by `who`.
    #[must_use]
    pub fn stamp(&self, who: impl Into<Who>) -> Stamp {
        let (now, who) = (self.now(), who.into());
        Stamp { id: AuditId(self.random.id(now)), now, actor: who.actor, client: who.client, mark: who.mark }
    }

    /// A fresh object id.
    #[must_use]
    pub fn fresh_id(&self) -> [u8; 16] {
        self.random.id(self.now())
    }
}
