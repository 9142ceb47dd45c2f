//! Tests with a Redis that breaks, changes or is replaced.

use std::{sync::Arc, time::Duration};

use countersign_kv::RedisKv;
use countersign_ports::{
    bus::{Bus, Wake},
    presence::{Peer, Presence},
    probe::Probe,
};
use countersign_protocol::ids::PodId;
use countersign_testkit::{Hands, Private};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep, timeout},
};

const TOPIC: &[u8] = b"\x01something";
const PATIENCE: Duration = Duration::from_secs(30);

async fn open(url: &str) -> RedisKv {
    open_by(url, Arc::new(Hands::default())).await
}

async fn open_by(url: &str, clock: Arc<Hands>) -> RedisKv {
    RedisKv::open(&url.parse().unwrap(), "t", clock, &Handle::current()).await.unwrap()
}

/// Waits until Redis can be used. Clients are not notified of a new master, so this polls.
async fn until_well(kv: &RedisKv) {
    let until = Instant::now() + PATIENCE;
    while let Err(fault) = kv.ping().await {
        assert!(Instant::now() < until, "{fault}");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_are_killed_come_back_and_say_that_they_may_have_missed_something() {
    let Some(redis) = Private::redis(&[]) else { return };
    let kv = open(&redis.database()).await;
    let mut pod = kv.subscribe(PodId([1; 16])).await.unwrap();
    for round in 0..5_u64 {
        for kind in ["normal", "pubsub"] {
            redis.tell("0", &format!("CLIENT KILL TYPE {kind}"));
        }
        assert_eq!(timeout(PATIENCE, pod.next()).await.unwrap(), Some(Wake::Resync), "round {round}");
        until_well(&kv).await;
        kv.announce(TOPIC, round).await.unwrap();
        assert_eq!(
            timeout(PATIENCE, pod.next()).await.unwrap(),
            Some(Wake::Changed { topic: TOPIC.to_vec(), v: round })
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_on_another_pod_is_known_until_they_leave_or_the_pod_dies() {
    let Some(redis) = Private::redis(&[]) else { return };
    let (one, other) = (open(&redis.database()).await, open(&redis.database()).await);
    let (alice, bob) = (Peer([3; 16]), Peer([4; 16]));
    let pods = (one.subscribe(PodId([1; 16])).await.unwrap(), other.subscribe(PodId([2; 16])).await.unwrap());
    assert_eq!(other.elsewhere(&[]).await.unwrap(), [false; 0]);
    let first = one.arrive(alice, 600).await.unwrap();
    // A pod marks itself as alive in a separate task, so this may take a moment.
    let until = Instant::now() + PATIENCE;
    while other.elsewhere(&[bob, alice]).await.unwrap() != [false, true] {
        assert!(Instant::now() < until);
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(one.elsewhere(&[alice]).await.unwrap(), [false], "it is here");
    let second = other.arrive(alice, 600).await.unwrap();
    one.depart(&[(alice, first), (bob, 7)]).await.unwrap();
    while one.elsewhere(&[alice]).await.unwrap() != [true] {
        assert!(Instant::now() < until, "who came again is not gone");
        sleep(Duration::from_millis(20)).await;
    }
    other.depart(&[(alice, second)]).await.unwrap();
    assert_eq!(one.elsewhere(&[alice]).await.unwrap(), [false]);
    other.arrive(alice, 600).await.unwrap();
    assert_eq!(one.elsewhere(&[alice]).await.unwrap(), [true]);
    drop(other);
    drop(pods.1);
    redis.tell("0", "CLIENT KILL TYPE pubsub");
    while one.elsewhere(&[alice]).await.unwrap() != [false] {
        assert!(Instant::now() < until, "a pod that is not heard any more is dead");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_arrival_is_numbered_by_the_clock_of_its_pod_and_is_newer_than_the_last_even_where_that_clock_is_behind()
 {
    let Some(redis) = Private::redis(&[]) else { return };
    let ahead = Arc::new(Hands::default());
    ahead.pass(1_000);
    let (one, other) = (open_by(&redis.database(), ahead.clone()).await, open(&redis.database()).await);
    let alice = Peer([3; 16]);
    assert_eq!(
        one.arrive(alice, 600).await.unwrap(),
        1_000_000_000,
        "microseconds of the pod's clock, not of Redis'"
    );
    assert_eq!(other.arrive(alice, 600).await.unwrap(), 1_000_000_001, "a pod whose clock is behind");
    ahead.pass(1);
    assert_eq!(one.arrive(alice, 600).await.unwrap(), 1_001_000_000);
}
