//! The live state that pods share, kept in the memory of one process, for a deployment with one
//! pod.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use countersign_ports::{
    Fault,
    bus::{Bus, Wake, Wakes},
    counters::{Count, Counter, Counters},
    presence::{Peer, Presence},
    probe::Probe,
    sabotage::{Sabotage, active},
    time::{Clock, Time},
};
use countersign_protocol::ids::PodId;
use tokio::sync::broadcast;

use crate::{
    subscription::{BACKLOG, Subscription},
    vanishing::Vanishing,
};

/// Maximum number of members stored for one counter.
const MOST_MEMBERS: usize = 64;

#[derive(Default)]
struct Tallies {
    counts: Vanishing<Counter, u64>,
    members: Vanishing<Counter, Vec<[u8; 16]>>,
    heartbeats: Vanishing<Peer, Time>,
}

/// The in-memory adapter.
pub struct MemoryKv {
    clock: Arc<dyn Clock>,
    tallies: Mutex<Tallies>,
    wakes: broadcast::Sender<Wake>,
    arrivals: AtomicU64,
}

/// Number of entries of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Counters of limits.
    pub counters: usize,
    /// Peers whose last heartbeat is stored.
    pub heard: usize,
}

impl MemoryKv {
    /// An empty adapter.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            tallies: Mutex::default(),
            wakes: broadcast::channel(BACKLOG).0,
            arrivals: AtomicU64::new(0),
        }
    }

    /// The current time, by the clock of this adapter.
    #[must_use]
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Number of entries of each kind that are stored now.
    #[must_use]
    pub fn size(&self) -> Size {
        let (now, mut tallies) = (self.now(), self.tallies());
        let counters = tallies.counts.at(now).len() + tallies.members.at(now).len();
        Size { counters, heard: tallies.heartbeats.at(now).len() }
    }

    fn tallies(&self) -> MutexGuard<'_, Tallies> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// [`Counters::count`], for adapters of a service that count as part of a larger step.
    pub fn count_at_once(&self, counter: Counter, secs: u64) -> Count {
        let (now, mut tallies) = (self.now(), self.tallies());
        let (n, until) = match tallies.counts.at(now).get_mut(&counter) {
            Some((n, until)) => {
                *n += 1;
                (*n, *until)
            }
            None => {
                let until = now.plus_secs(secs.max(1));
                tallies.counts.put(counter, 1, until);
                (1, until)
            }
        };
        Count { n, left: now.until(until).div_ceil(1000).max(1) }
    }

    /// [`Bus::announce`], for adapters of a service that send wake-ups as part of a larger step.
    pub fn announce_at_once(&self, topic: &[u8], v: u64) {
        if active(Sabotage::DropPublish) {
            return;
        }
        // It is no error when there is no subscriber: one that comes later reads the store.
        let _ = self.wakes.send(Wake::Changed { topic: topic.to_vec(), v });
    }
}

#[async_trait]
impl Probe for MemoryKv {
    async fn ping(&self) -> Result<(), Fault> {
        Ok(())
    }

    async fn write(&self) -> Result<(), Fault> {
        Ok(())
    }
}

#[async_trait]
impl Bus for MemoryKv {
    async fn announce(&self, topic: &[u8], v: u64) -> Result<(), Fault> {
        self.announce_at_once(topic, v);
        Ok(())
    }

    async fn subscribe(&self, _pod: PodId) -> Result<Box<dyn Wakes>, Fault> {
        Ok(Box::new(Subscription(self.wakes.subscribe())))
    }
}

/// There is one pod. Its registry knows which peers are connected, so arrivals need no wake-up.
#[async_trait]
impl Presence for MemoryKv {
    async fn arrive(&self, _peer: Peer, _ttl_secs: u64) -> Result<u64, Fault> {
        Ok(self.arrivals.fetch_add(1, Ordering::Relaxed) + 1)
    }

    async fn newest(&self, peers: &[Peer]) -> Result<Vec<Option<u64>>, Fault> {
        Ok(vec![None; peers.len()])
    }

    async fn depart(&self, _gone: &[(Peer, u64)]) -> Result<(), Fault> {
        Ok(())
    }

    async fn elsewhere(&self, peers: &[Peer]) -> Result<Vec<bool>, Fault> {
        Ok(vec![false; peers.len()])
    }

    async fn record_heartbeat(&self, peer: Peer, ttl_secs: u64) -> Result<(), Fault> {
        let (now, mut tallies) = (self.now(), self.tallies());
        tallies.heartbeats.at(now);
        tallies.heartbeats.put(peer, now, now.plus_secs(ttl_secs.max(1)));
        Ok(())
    }

    async fn last_heartbeat(&self, peer: Peer) -> Result<Option<Time>, Fault> {
        Ok(self.tallies().heartbeats.at(self.now()).get(&peer).map(|(at, _)| *at))
    }
}

#[async_trait]
impl Counters for MemoryKv {
    async fn count(&self, counter: Counter, secs: u64) -> Result<Count, Fault> {
        Ok(self.count_at_once(counter, secs))
    }

    async fn distinct(&self, counter: Counter, member: [u8; 16], secs: u64) -> Result<u64, Fault> {
        let (now, mut tallies) = (self.now(), self.tallies());
        if let Some((members, _)) = tallies.members.at(now).get_mut(&counter) {
            if !members.contains(&member) && members.len() < MOST_MEMBERS {
                members.push(member);
            }
            return Ok(members.len() as u64);
        }
        tallies.members.put(counter, vec![member], now.plus_secs(secs.max(1)));
        Ok(1)
    }
}
