//! The ports: what the flows need from outside. Adapters live in `crates/store-ns` (Diesel),
//! `crates/kv` and `crates/kv-ns` (in-memory, Redis); the program puts them together.

mod live;
mod meter;
mod store;
mod topic;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

pub use live::{Advanced, CounterKind, Gate, Live, Measure, Opened, Opening, Quarantine, Suspect, Versioned};
pub use meter::{Alert, Fact, FactorResult, Meter, Unmetered};
pub use store::{
    AccountQuery, Directory, Kept, KeyQuery, Logins, Page, People, Purged, Recorded, Redeemed, Rotated,
    Store, Trail, UserQuery, UserSort,
};
pub use topic::Topic;

use crate::audit::{Stamp, Who};
use countersign_ports::{
    Fault,
    bus::Bus,
    counters::Counters,
    presence::Presence,
    random::Random,
    time::{Clock, Time},
    vault::Vault,
};
use countersign_protocol::ids::AuditId;

/// Makes ids of one process sort in the order in which they were made, also within a millisecond:
/// the 12 bits behind the timestamp are a counter (RFC 9562, section 6.2, method 1).
fn in_turn(mut id: [u8; 16], now: Time) -> [u8; 16] {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let next = |last: u64| if last >> 12 >= now.0 { last + 1 } else { now.0 << 12 };
    let last =
        LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last))).unwrap_or_default();
    let [.., high, low] = next(last).to_be_bytes();
    (id[6], id[7]) = (0x70 | (high & 0x0f), low);
    id
}

/// All ports of NS.
#[derive(Clone)]
pub struct Ports {
    pub store: Arc<dyn Store>,
    pub live: Arc<dyn Live>,
    pub bus: Arc<dyn Bus>,
    pub presence: Arc<dyn Presence>,
    pub counters: Arc<dyn Counters>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub vault: Arc<Vault>,
    pub meter: Arc<dyn Meter>,
}

impl Ports {
    /// The current time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Wakes those who wait for the topic, on every pod.
    ///
    /// # Errors
    /// When the bus cannot be reached.
    pub async fn announce(&self, topic: Topic, v: u64) -> Result<(), Fault> {
        self.bus.announce(&topic.to_bytes(), v).await
    }

    /// A stamp for a write by `who`.
    #[must_use]
    pub fn stamp(&self, who: impl Into<Who>) -> Stamp {
        let now = self.now();
        Stamp { id: AuditId(in_turn(self.random.id(now), now)), now, who: who.into() }
    }

    /// A fresh object id.
    #[must_use]
    pub fn fresh_id(&self) -> [u8; 16] {
        self.random.id(self.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_within_a_millisecond_is_in_turn() {
        let made: Vec<_> = (0..2000)
            .map(|n: u64| in_turn([255; 16], Time(1000 + n / 500)))
            .map(|id| (id[6], id[7]))
            .collect();
        for in_one_ms in made.chunks(500) {
            assert!(in_one_ms.windows(2).all(|two| two[0] < two[1]), "{in_one_ms:?}");
        }
        assert!(made.iter().all(|(version, _)| version >> 4 == 7));
    }
}
