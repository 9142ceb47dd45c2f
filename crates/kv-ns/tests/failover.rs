//! Tests with a Redis that breaks, changes or is replaced.

use std::{sync::Arc, time::Duration};

use countersign_domain_ns::ports::{Advanced, Live, Topic, Versioned};
use countersign_kv::{RedisKv, RedisUrl};
use countersign_kv_ns::RedisLive;
use countersign_ports::{
    bus::{Bus, Wake},
    presence::{Peer, Presence},
    probe::Probe,
    time::Time,
};
use countersign_protocol::ids::{AccountId, LoginId, PodId};
use countersign_testkit::{Hands, Private, Sentinel};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout},
};

use crate::contract::{changed, make};

const LOGIN: LoginId = LoginId([1; 16]);
const PATIENCE: Duration = Duration::from_secs(30);

async fn open(url: &str) -> Arc<RedisKv> {
    open_by(url, Arc::new(Hands::default())).await
}

async fn open_by(url: &str, clock: Arc<Hands>) -> Arc<RedisKv> {
    Arc::new(RedisKv::open(&url.parse().unwrap(), "t", clock, &Handle::current()).await.unwrap())
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
async fn after_a_failover_the_new_master_is_found_and_whoever_listens_reads_everything_again() {
    let Some(mut sentinel) = Sentinel::start() else { return };
    let clock = Arc::new(Hands::default());
    let kv = open_by(&sentinel.url(), clock.clone()).await;
    let live = RedisLive::new(kv.clone());
    let mut pod = kv.subscribe(PodId([1; 16])).await.unwrap();
    make(&live, LOGIN, b"body", 600).await;
    live.claim(LOGIN, AccountId([3; 16]), 1, Versioned { v: 2, body: b"claimed".to_vec() }, 600)
        .await
        .unwrap();
    assert_eq!(pod.next().await, Some(changed(Topic::Login(LOGIN), 2)));
    sentinel.replicated();
    clock.pass(100);
    assert_eq!(live.faithful_since(), Time(0));
    sentinel.kill_the_master();
    until_well(&kv).await;
    assert_eq!(live.faithful_since(), Time(100_000), "the new master may have gone back on something");
    clock.pass(50);
    assert_eq!(
        open_by(&sentinel.url(), clock.clone()).await.faithful_since(),
        Time(100_000),
        "a pod that starts later knows it"
    );
    let told = timeout(PATIENCE, pod.next()).await.expect("it is told that it may have missed something");
    assert_eq!(told, Some(Wake::Resync));
    assert_eq!(live.read(LOGIN).await.unwrap().map(|there| there.v), Some(2));
    let late = live
        .claim(LOGIN, AccountId([3; 16]), 1, Versioned { v: 2, body: b"another".to_vec() }, 600)
        .await
        .unwrap();
    assert!(matches!(late, Advanced::Stale(_)), "{late:?}");
    kv.announce(&Topic::Account(AccountId([3; 16])).to_bytes(), 7).await.unwrap();
    assert_eq!(pod.next().await, Some(changed(Topic::Account(AccountId([3; 16])), 7)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_with_a_password_sees_only_what_begins_with_the_prefix() {
    let Some(redis) = Private::redis(&[]) else { return };
    // These are the permissions that the program needs, and no others.
    let rules = "ACL SETUSER ns on >secret ~t:1:* &t:1:* -@all +@read +@write +@pubsub +@scripting \
        +@connection +info +time";
    redis.tell("0", rules);
    let kv = open(&redis.database().replace("redis://", "redis://ns:secret@")).await;
    let live = RedisLive::new(kv.clone());
    assert!(make(&live, LOGIN, b"body", 60).await);
    let mut pod = kv.subscribe(PodId([1; 16])).await.unwrap();
    kv.arrive(Peer([3; 16]), 60).await.unwrap();
    assert!(matches!(pod.next().await, Some(Wake::Arrived { .. })));
    kv.ping().await.unwrap();
    let wrong = redis.database().replace("redis://", "redis://ns:wrong@");
    let refused =
        RedisKv::open(&wrong.parse().unwrap(), "t", Arc::new(Hands::default()), &Handle::current()).await;
    let said = refused.map(drop).unwrap_err().to_string();
    assert!(said.contains("WRONGPASS") || said.to_lowercase().contains("auth"), "{said}");
    assert!(!said.contains("ns:wrong"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_tls_redis_is_spoken_to_only_when_its_certificate_is_vouched_for() {
    let Some((redis, url)) = Private::redis_in_tls() else { return };
    let there: RedisUrl = url.parse().unwrap();
    let try_it =
        async |url: &RedisUrl| RedisKv::open(url, "t", Arc::new(Hands::default()), &Handle::current()).await;
    assert!(try_it(&there).await.is_err(), "the CAs of the web do not know it");
    let kv = try_it(&there.clone().trusting(std::fs::read(redis.dir().join("ca.pem")).unwrap()).unwrap())
        .await
        .unwrap();
    let kv = Arc::new(kv);
    let live = RedisLive::new(kv.clone());
    let mut pod = kv.subscribe(PodId([1; 16])).await.unwrap();
    make(&live, LOGIN, b"body", 600).await;
    live.claim(LOGIN, AccountId([3; 16]), 1, Versioned { v: 2, body: b"claimed".to_vec() }, 600)
        .await
        .unwrap();
    assert_eq!(pod.next().await, Some(changed(Topic::Login(LOGIN), 2)));
    let elsewhere = tempfile::tempdir().unwrap();
    let another = countersign_testkit::Certificates::make(elsewhere.path());
    assert!(
        try_it(&there.trusting(std::fs::read(another.file("ca.pem")).unwrap()).unwrap()).await.is_err(),
        "another CA"
    );
    assert!(
        redis.database().parse::<RedisUrl>().unwrap().trusting(Vec::new()).is_err(),
        "a CA that guards nothing"
    );
}

/// Starts a thread that only reads, over its own connection; it answers each request after it has
/// read.
fn reader(live: RedisLive) -> mpsc::Sender<oneshot::Sender<bool>> {
    let (ask, mut asked) = mpsc::channel::<oneshot::Sender<bool>>(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::spawn(move || {
        runtime.block_on(async {
            while let Some(answer) = asked.recv().await {
                let _nobody_waits = answer.send(live.read(LOGIN).await.is_ok());
            }
        });
    });
    ask
}

#[tokio::test]
async fn what_one_thread_hears_of_a_master_that_is_none_any_more_the_others_believe() {
    let Some(redis) = Private::redis(&[]) else { return };
    let clock = Arc::new(Hands::default());
    let kv = open_by(&redis.database(), clock.clone()).await;
    let (live, reader) = (RedisLive::new(kv.clone()), reader(RedisLive::new(kv.clone())));
    let read = async || {
        let (answer, read) = oneshot::channel();
        reader.send(answer).await.unwrap();
        read.await.unwrap()
    };
    assert!(make(&live, LOGIN, b"body", 600).await && read().await);
    clock.pass(100);
    redis.tell("0", "REPLICAOF 127.0.0.1 1");
    assert!(read().await, "who only reads notices nothing");
    let refused = kv
        .announce(&Topic::Login(LOGIN).to_bytes(), 2)
        .await
        .and(live.settle(LOGIN, Versioned { v: 3, body: Vec::new() }, None).await);
    assert!(refused.is_err_and(|fault| fault.to_string().contains("read only")));
    assert_eq!(live.faithful_since(), Time(0));
    redis.tell("0", "REPLICAOF NO ONE");
    assert!(read().await);
    assert_eq!(live.faithful_since(), Time(100_000), "it is a new master now, though it never stopped");
}
