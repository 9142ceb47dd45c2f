//! Tests of what every adapter of the general ports must do. A new adapter implements [`Bench`] and
//! joins the list at the end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use countersign_kv::{MemoryKv, RedisKv};
use countersign_ports::{
    bus::{Bus, Wake},
    counters::Counters,
    presence::{Peer, Presence},
};
use countersign_protocol::ids::PodId;
use countersign_testkit::Hands;
use tokio::runtime::Handle;

use crate::counting::*;

/// All general ports.
pub(crate) trait Kv: Bus + Presence + Counters {}

impl<T: Bus + Presence + Counters> Kv for T {}

/// An adapter under test, and a way to let time pass for it.
#[async_trait]
pub(crate) trait Bench: Send + Sync {
    fn kv(&self) -> Arc<dyn Kv>;
    async fn pass(&self, secs: u64);
}

const ALICE: Peer = Peer([3; 16]);
const TOPIC: &[u8] = b"\x01something";

async fn a_subscriber_that_falls_behind_hears_everything_or_is_told_to_read_everything(on: &dyn Bench) {
    const MANY: u64 = 20_000;
    let kv = on.kv();
    let mut pod = kv.subscribe(PodId([1; 16])).await.unwrap();
    for v in 1..=MANY {
        kv.announce(TOPIC, v).await.unwrap();
    }
    let (mut next, mut resync) = (1, false);
    while next <= MANY {
        match pod.next().await.unwrap() {
            Wake::Resync => resync = true,
            Wake::Arrived { .. } => unreachable!("nobody arrives"),
            Wake::Changed { v, .. } => {
                assert!(v == next || resync, "{} were lost without a word", v - next);
                next = v + 1;
            }
        }
    }
}

async fn the_last_word_of_a_phone_is_remembered_for_its_time(on: &dyn Bench) {
    let kv = on.kv();
    assert_eq!(kv.last_heartbeat(ALICE).await.unwrap(), None);
    kv.record_heartbeat(ALICE, 10).await.unwrap();
    let first = kv.last_heartbeat(ALICE).await.unwrap().unwrap();
    on.pass(4).await;
    kv.record_heartbeat(ALICE, 10).await.unwrap();
    assert!(kv.last_heartbeat(ALICE).await.unwrap().unwrap() >= first.plus_secs(4));
    on.pass(11).await;
    assert_eq!(kv.last_heartbeat(ALICE).await.unwrap(), None);
}

async fn every_arrival_is_newer_than_those_before_and_other_pods_hear_of_it(on: &dyn Bench) {
    let kv = on.kv();
    let mut pod = kv.subscribe(PodId([1; 16])).await.unwrap();
    let mut last = 0;
    for _ in 0..50 {
        let nth = kv.arrive(ALICE, 60).await.unwrap();
        assert!(nth > last, "{nth} after {last}");
        last = nth;
        let newest = kv.newest(&[ALICE, Peer([9; 16])]).await.unwrap();
        if newest != [None, None] {
            assert_eq!(newest, [Some(last), None]);
            assert_eq!(pod.next().await, Some(Wake::Arrived { peer: ALICE, arrival: nth }));
        }
    }
}

macro_rules! adapter {
    ($module:ident, $bench:expr, [$($promise:ident),* $(,)?]) => {
        mod $module {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $promise() {
                if let Some(bench) = $bench.await {
                    super::$promise(&bench).await;
                }
            })*
        }
    };
}

macro_rules! contract {
    ($module:ident, $bench:expr) => {
        adapter!(
            $module,
            $bench,
            [
                a_subscriber_that_falls_behind_hears_everything_or_is_told_to_read_everything,
                a_window_begins_with_its_first_count_and_ends_in_its_time,
                of_many_counts_at_once_none_is_lost,
                members_are_counted_once_each,
                the_last_word_of_a_phone_is_remembered_for_its_time,
                every_arrival_is_newer_than_those_before_and_other_pods_hear_of_it,
            ]
        );
    };
}

struct InMemory {
    clock: Arc<Hands>,
    kv: Arc<MemoryKv>,
}

impl InMemory {
    async fn new() -> Option<Self> {
        let clock = Arc::new(Hands::default());
        Some(Self { clock: clock.clone(), kv: Arc::new(MemoryKv::new(clock)) })
    }
}

#[async_trait]
impl Bench for InMemory {
    fn kv(&self) -> Arc<dyn Kv> {
        self.kv.clone()
    }
    async fn pass(&self, secs: u64) {
        self.clock.pass(secs);
    }
}

contract!(in_memory, InMemory::new());

/// A real Redis with shortened seconds.
struct InRedis {
    clock: Arc<Hands>,
    kv: Arc<RedisKv>,
}

const SECOND: Duration = Duration::from_millis(40);

impl InRedis {
    async fn new() -> Option<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let url = countersign_testkit::redis()?.database().parse().unwrap();
        let prefix = format!("t{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let clock = Arc::new(Hands::default());
        let kv = RedisKv::open(&url, &prefix, clock.clone(), &Handle::current()).await.unwrap();
        Some(Self { clock, kv: Arc::new(kv.with_second(SECOND)) })
    }
}

#[async_trait]
impl Bench for InRedis {
    fn kv(&self) -> Arc<dyn Kv> {
        self.kv.clone()
    }
    /// Keys expire by Redis' own clock, which a test cannot set, so this sleeps as well.
    async fn pass(&self, secs: u64) {
        self.clock.pass(secs);
        tokio::time::sleep(SECOND * u32::try_from(secs).unwrap()).await;
    }
}

contract!(in_redis, InRedis::new());
