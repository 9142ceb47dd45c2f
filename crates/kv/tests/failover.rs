//! A Redis that changes, breaks and is replaced.

use std::{sync::Arc, time::Duration};

use countersign_domain_ns::ports::{Advanced, Live, Topic, Versioned, Wake};
use countersign_kv::{RedisKv, RedisUrl};
use countersign_ports::time::Time;
use countersign_protocol::ids::{AccountId, LoginId, PodId};
use countersign_testkit::{Private, Sentinel};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout},
};

use crate::contract::{Hands, make};

const LOGIN: LoginId = LoginId([1; 16]);
const PATIENCE: Duration = Duration::from_secs(30);

async fn open(url: &str) -> RedisKv {
    open_by(url, Arc::new(Hands::default())).await
}

async fn open_by(url: &str, clock: Arc<Hands>) -> RedisKv {
    RedisKv::open(&url.parse().unwrap(), "t", clock, &Handle::current()).await.unwrap()
}

/// Nobody tells a client that a new master is there; it asks.
async fn until_well(kv: &RedisKv) {
    let until = Instant::now() + PATIENCE;
    while let Err(fault) = kv.ping().await {
        assert!(Instant::now() < until, "{fault}");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failover_the_new_master_is_found_and_whoever_listens_reads_everything_again() {
    let Some(mut sentinel) = Sentinel::start() else { return };
    let clock = Arc::new(Hands::default());
    let kv = open_by(&sentinel.url(), clock.clone()).await;
    let mut pod = kv.subscribe(PodId([1; 16])).await.unwrap();
    make(&kv, LOGIN, b"body", 600).await;
    kv.claim(LOGIN, AccountId([3; 16]), 1, Versioned { v: 2, body: b"claimed".to_vec() }, 600).await.unwrap();
    assert_eq!(pod.next().await, Some(Wake::Changed { topic: Topic::Login(LOGIN), v: 2 }));
    sentinel.replicated();
    clock.pass(100);
    assert_eq!(kv.faithful_since(), Time(0));
    sentinel.kill_the_master();
    until_well(&kv).await;
    assert_eq!(kv.faithful_since(), Time(100_000), "the new master may have gone back on something");
    clock.pass(50);
    assert_eq!(open_by(&sentinel.url(), clock.clone()).await.faithful_since(), Time(100_000), "a pod that starts later knows it");
    let told = timeout(PATIENCE, pod.next()).await.expect("it is told that it may have missed something");
    assert_eq!(told, Some(Wake::Resync));
    assert_eq!(kv.read(LOGIN).await.unwrap().map(|there| there.v), Some(2));
    let late = kv.claim(LOGIN, AccountId([3; 16]), 1, Versioned { v: 2, body: b"another".to_vec() }, 600).await.unwrap();
    assert!(matches!(late, Advanced::Stale(_)), "{late:?}");
    kv.announce(Topic::Account(AccountId([3; 16])), 7).await.unwrap();
    assert_eq!(pod.next().await, Some(Wake::Changed { topic: Topic::Account(AccountId([3; 16])), v: 7 }));
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
        kv.announce(Topic::Login(LOGIN), round).await.unwrap();
        assert_eq!(timeout(PATIENCE, pod.next()).await.unwrap(), Some(Wake::Changed { topic: Topic::Login(LOGIN), v: round }));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_with_a_password_sees_only_what_begins_with_the_prefix() {
    let Some(redis) = Private::redis(&[]) else { return };
    // What the program needs, and nothing more.
    let rules = "ACL SETUSER ns on >secret ~t:1:* &t:1:* -@all +@read +@write +@pubsub +@scripting +@connection +info +time";
    redis.tell("0", rules);
    let kv = open(&redis.database().replace("redis://", "redis://ns:secret@")).await;
    assert!(make(&kv, LOGIN, b"body", 60).await);
    let mut pod = kv.subscribe(PodId([1; 16])).await.unwrap();
    kv.arrive(AccountId([3; 16]), 60).await.unwrap();
    assert!(matches!(pod.next().await, Some(Wake::Changed { topic: Topic::Moved(_), .. })));
    kv.ping().await.unwrap();
    let wrong = redis.database().replace("redis://", "redis://ns:wrong@");
    let refused = RedisKv::open(&wrong.parse().unwrap(), "t", Arc::new(Hands::default()), &Handle::current()).await;
    let said = refused.map(drop).unwrap_err().to_string();
    assert!(said.contains("WRONGPASS") || said.to_lowercase().contains("auth"), "{said}");
    assert!(!said.contains("ns:wrong"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_tls_redis_is_spoken_to_only_when_its_certificate_is_vouched_for() {
    let Some((redis, url)) = Private::redis_in_tls() else { return };
    let there: RedisUrl = url.parse().unwrap();
    let try_it = async |url: &RedisUrl| RedisKv::open(url, "t", Arc::new(Hands::default()), &Handle::current()).await;
    assert!(try_it(&there).await.is_err(), "the CAs of the web do not know it");
    let kv = try_it(&there.clone().trusting(std::fs::read(redis.dir().join("ca.pem")).unwrap()).unwrap()).await.unwrap();
    let mut pod = kv.subscribe(PodId([1; 16])).await.unwrap();
    make(&kv, LOGIN, b"body", 600).await;
    kv.claim(LOGIN, AccountId([3; 16]), 1, Versioned { v: 2, body: b"claimed".to_vec() }, 600).await.unwrap();
    assert_eq!(pod.next().await, Some(Wake::Changed { topic: Topic::Login(LOGIN), v: 2 }));
    let elsewhere = tempfile::tempdir().unwrap();
    let another = countersign_testkit::Certificates::make(elsewhere.path());
    assert!(try_it(&there.trusting(std::fs::read(another.file("ca.pem")).unwrap()).unwrap()).await.is_err(), "another CA");
    assert!(redis.database().parse::<RedisUrl>().unwrap().trusting(Vec::new()).is_err(), "a CA that guards nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_on_another_pod_is_known_until_he_leaves_or_the_pod_dies() {
    let Some(redis) = Private::redis(&[]) else { return };
    let (one, other) = (open(&redis.database()).await, open(&redis.database()).await);
    let (alice, bob) = (AccountId([3; 16]), AccountId([4; 16]));
    let pods = (one.subscribe(PodId([1; 16])).await.unwrap(), other.subscribe(PodId([2; 16])).await.unwrap());
    assert_eq!(other.elsewhere(&[]).await.unwrap(), [false; 0]);
    let first = one.arrive(alice, 600).await.unwrap();
    // A pod says that it lives beside what it is asked.
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
async fn an_arrival_is_numbered_by_the_clock_of_its_pod_and_is_newer_than_the_last_even_where_that_clock_is_behind() {
    let Some(redis) = Private::redis(&[]) else { return };
    let ahead = Arc::new(Hands::default());
    ahead.pass(1_000);
    let (one, other) = (open_by(&redis.database(), ahead.clone()).await, open(&redis.database()).await);
    let alice = AccountId([3; 16]);
    assert_eq!(one.arrive(alice, 600).await.unwrap(), 1_000_000_000, "microseconds of the pod's clock, not of Redis'");
    assert_eq!(other.arrive(alice, 600).await.unwrap(), 1_000_000_001, "a pod whose clock is behind");
    ahead.pass(1);
    assert_eq!(one.arrive(alice, 600).await.unwrap(), 1_001_000_000);
}

/// A thread that does nothing but read, over a connection of its own: each question is answered when it has read.
fn reader(kv: Arc<RedisKv>) -> mpsc::Sender<oneshot::Sender<bool>> {
    let (ask, mut asked) = mpsc::channel::<oneshot::Sender<bool>>(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::spawn(move || {
        runtime.block_on(async {
            while let Some(answer) = asked.recv().await {
                let _nobody_waits = answer.send(kv.read(LOGIN).await.is_ok());
            }
        });
    });
    ask
}

#[tokio::test]
async fn what_one_thread_hears_of_a_master_that_is_none_any_more_the_others_believe() {
    let Some(redis) = Private::redis(&[]) else { return };
    let clock = Arc::new(Hands::default());
    let kv = Arc::new(open_by(&redis.database(), clock.clone()).await);
    let reader = reader(kv.clone());
    let read = async || {
        let (answer, read) = oneshot::channel();
        reader.send(answer).await.unwrap();
        read.await.unwrap()
    };
    assert!(make(&*kv, LOGIN, b"body", 600).await && read().await);
    clock.pass(100);
    redis.tell("0", "REPLICAOF 127.0.0.1 1");
    assert!(read().await, "who only reads notices nothing");
    let refused = kv.announce(Topic::Login(LOGIN), 2).await.and(kv.settle(LOGIN, Versioned { v: 3, body: Vec::new() }).await);
    assert!(refused.is_err_and(|fault| fault.to_string().contains("read only")));
    assert_eq!(kv.faithful_since(), Time(0));
    redis.tell("0", "REPLICAOF NO ONE");
    assert!(read().await);
    assert_eq!(kv.faithful_since(), Time(100_000), "it is a new master now, though it never stopped");
}
