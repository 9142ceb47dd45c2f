//! The general ports on Redis: bus, presence, counters.

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use bb8_redis::redis;
use countersign_ports::{
    Fault,
    bus::{Bus, Wakes},
    counters::{Count, Counter, Counters},
    presence::{Peer, Presence},
    probe::Probe,
    sabotage::{Sabotage, active},
    time::Time,
};
use countersign_protocol::ids::PodId;
use redis::Script;

use crate::argument;

use super::{
    RedisKv, bus,
    script::{COUNTING, Keys, script},
};

/// Timeout of a health check.
const SOON: Duration = Duration::from_millis(700);
/// How long Redis keeps the counter of health checks, in seconds.
const PROBE_SECS: u64 = 60;
/// Maximum number of members stored for one counter.
const MOST_MEMBERS: u64 = 64;

pub(super) struct Scripts {
    count: Script,
    distinct: Script,
    arrive: Script,
    depart: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            count: script(&[COUNTING, include_str!("scripts/count.lua")]),
            distinct: script(&[include_str!("scripts/distinct.lua")]),
            arrive: script(&[include_str!("scripts/arrive.lua")]),
            depart: script(&[include_str!("scripts/depart.lua")]),
        }
    }
}

argument! {
    struct CountArgument {
        counter: usize,
        window: u64,
    }
}

argument! {
    struct Distinct<'a> {
        members: usize,
        member: &'a [u8],
        window: u64,
        most: u64,
    }
}

argument! {
    struct Arrive<'a> {
        newest: usize,
        place: usize,
        channel: usize,
        life: u64,
        /// Empty when the pod is unknown, because it has not subscribed.
        pod: &'a [u8],
        /// The wake-up without its number, which the script determines.
        wake: &'a [u8],
        /// In microseconds.
        now: u64,
    }
}

argument! {
    struct Depart {
        places: Vec<usize>,
        were: Vec<Vec<u8>>,
    }
}

impl RedisKv {
    /// The time from which pods have known this Redis as the master. Writes acknowledged before it
    /// may be lost.
    #[must_use]
    pub fn faithful_since(&self) -> Time {
        self.lines.manager.life.since()
    }

    /// The channel of wake-ups.
    #[must_use]
    pub fn channel(&self) -> Vec<u8> {
        self.key(&[b"bus"])
    }

    /// The message that a script publishes to wake those who wait for the topic; empty where a test
    /// has disabled the bus.
    #[must_use]
    pub fn wake(&self, topic: &[u8], v: u64) -> Vec<u8> {
        if active(Sabotage::DropPublish) { Vec::new() } else { bus::write(topic, v) }
    }

    /// The key of a counter.
    #[must_use]
    pub fn counter_key(&self, counter: Counter) -> Vec<u8> {
        self.keyed(b"count:", counter)
    }

    fn keyed(&self, what: &[u8], c: Counter) -> Vec<u8> {
        self.key(&[what, &c.scope, b":", c.kind.as_bytes(), b":", &c.key])
    }

    fn place(&self, peer: &Peer) -> Vec<u8> {
        self.key(&[b"at:", &peer.0])
    }

    /// Converts the result of a counting script.
    #[must_use]
    pub fn counted(&self, n: u64, left_ms: u64) -> Count {
        Count { n, left: left_ms.div_ceil(self.second).max(1) }
    }

    async fn values(&self, keys: Vec<Vec<u8>>) -> Result<Vec<Option<Vec<u8>>>, Fault> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut ask = redis::cmd("MGET");
        ask.arg(keys);
        self.command(ask).await
    }
}

#[async_trait]
impl Probe for RedisKv {
    async fn ping(&self) -> Result<(), Fault> {
        // A health check reports the current state; it does not wait for Redis to recover.
        tokio::time::timeout(SOON, self.examine()).await.unwrap_or_else(|_| Err(self.unreachable()))
    }

    /// Runs a script that writes, which takes memory, the right to run scripts and to write.
    async fn write(&self) -> Result<(), Fault> {
        let counter = Counter { scope: [0; 16], kind: "probe", key: [0; 16] };
        let counted = tokio::time::timeout(SOON, self.count(counter, PROBE_SECS)).await;
        counted.unwrap_or_else(|_| Err(self.unreachable())).map(drop)
    }
}

#[async_trait]
impl Bus for RedisKv {
    async fn announce(&self, topic: &[u8], v: u64) -> Result<(), Fault> {
        let wake = self.wake(topic, v);
        if wake.is_empty() {
            return Ok(());
        }
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(self.channel()).arg(wake);
        self.command::<u64>(publish).await.map(drop)
    }

    async fn subscribe(&self, pod: PodId) -> Result<Box<dyn Wakes>, Fault> {
        let _the_first_counts = self.pod.set(pod);
        let beat = bus::Beat { lines: self.lines.clone(), key: self.key(&[b"pod:", &pod.0]) };
        let (clients, epoch) = (self.lines.manager.clients.clone(), self.lines.manager.epoch.clone());
        let line = bus::Line { clients, channel: self.channel(), epoch, beat };
        line.open().await
    }
}

#[async_trait]
impl Presence for RedisKv {
    async fn arrive(&self, peer: Peer, ttl_secs: u64) -> Result<u64, Fault> {
        let mut keys = Keys::default();
        let newest = keys.add(self.key(&[b"here:", &peer.0]));
        let (place, channel) = (keys.add(self.place(&peer)), keys.add(self.channel()));
        let wake = if active(Sabotage::DropPublish) { Vec::new() } else { bus::arrival(peer) };
        let argument = Arrive {
            newest,
            place,
            channel,
            life: self.millis(ttl_secs),
            pod: self.pod.get().map_or(&[], |pod| &pod.0[..]),
            wake: &wake,
            now: self.now().0.saturating_mul(1000),
        };
        self.run_script(&self.scripts.arrive, &keys, &argument).await
    }

    async fn newest(&self, peers: &[Peer]) -> Result<Vec<Option<u64>>, Fault> {
        if peers.is_empty() {
            return Ok(Vec::new());
        }
        let mut ask = redis::cmd("MGET");
        for peer in peers {
            ask.arg(self.key(&[b"here:", &peer.0]));
        }
        self.command(ask).await
    }

    async fn depart(&self, gone: &[(Peer, u64)]) -> Result<(), Fault> {
        let Some(pod) = self.pod.get() else { return Ok(()) };
        let mut keys = Keys::default();
        let places = gone.iter().map(|(peer, _)| keys.add(self.place(peer))).collect();
        let were =
            gone.iter().map(|(_, arrival)| [format!("{arrival}:").as_bytes(), &pod.0].concat()).collect();
        self.run_script(&self.scripts.depart, &keys, &Depart { places, were }).await
    }

    async fn elsewhere(&self, peers: &[Peer]) -> Result<Vec<bool>, Fault> {
        let at = self.values(peers.iter().map(|peer| self.place(peer)).collect()).await?;
        // The value is the number of the arrival, a colon, and the pod.
        let pod_of = |at: Option<Vec<u8>>| {
            at.and_then(|at| at.iter().position(|b| *b == b':').map(|n| at[n + 1..].to_vec()))
        };
        let pods: Vec<Option<Vec<u8>>> = at.into_iter().map(pod_of).collect();
        let named: BTreeSet<&Vec<u8>> = pods.iter().flatten().collect();
        let beats = self.values(named.iter().map(|pod| self.key(&[b"pod:", pod])).collect()).await?;
        let mine = self.pod.get().map(|pod| pod.0.to_vec());
        let alive =
            named.into_iter().zip(beats).filter(|(pod, beat)| beat.is_some() && Some(*pod) != mine.as_ref());
        let alive: BTreeSet<&Vec<u8>> = alive.map(|(pod, _)| pod).collect();
        Ok(pods.iter().map(|pod| pod.as_ref().is_some_and(|pod| alive.contains(pod))).collect())
    }

    async fn record_heartbeat(&self, peer: Peer, ttl_secs: u64) -> Result<(), Fault> {
        let mut set = redis::cmd("SET");
        set.arg(self.key(&[b"heard:", &peer.0])).arg(self.now().0).arg("PX").arg(self.millis(ttl_secs));
        self.command(set).await
    }

    async fn last_heartbeat(&self, peer: Peer) -> Result<Option<Time>, Fault> {
        let mut get = redis::cmd("GET");
        get.arg(self.key(&[b"heard:", &peer.0]));
        Ok(self.command::<Option<u64>>(get).await?.map(Time))
    }
}

#[async_trait]
impl Counters for RedisKv {
    async fn count(&self, counter: Counter, secs: u64) -> Result<Count, Fault> {
        let mut keys = Keys::default();
        let argument =
            CountArgument { counter: keys.add(self.counter_key(counter)), window: self.millis(secs) };
        let (n, left): (u64, u64) = self.run_script(&self.scripts.count, &keys, &argument).await?;
        Ok(self.counted(n, left))
    }

    async fn distinct(&self, counter: Counter, member: [u8; 16], secs: u64) -> Result<u64, Fault> {
        let mut keys = Keys::default();
        let members = keys.add(self.keyed(b"members:", counter));
        let argument =
            Distinct { members, member: &member[..], window: self.millis(secs), most: MOST_MEMBERS };
        self.run_script(&self.scripts.distinct, &keys, &argument).await
    }
}
