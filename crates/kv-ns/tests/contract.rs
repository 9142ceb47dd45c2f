//! Tests of what every adapter of the port `Live` must do. A new adapter implements [`Bench`] and
//! joins the list at the end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use countersign_domain_ns::{
    limits::Limit,
    ports::{Advanced, CounterKind, Gate, Live, Opening, Topic, Versioned},
};
use countersign_kv::{MemoryKv, RedisKv};
use countersign_kv_ns::{MemoryLive, RedisLive};
use countersign_ports::{
    bus::{Bus, Wake},
    counters::Counters,
};
use countersign_protocol::ids::{AccountId, LoginId, PodId, RealmId};
use countersign_testkit::Hands;
use tokio::runtime::Handle;

use crate::counting::*;

/// An adapter under test, and a way to let time pass for it.
#[async_trait]
pub(crate) trait Bench: Send + Sync {
    fn live(&self) -> Arc<dyn Live>;
    /// The bus through which it sends wake-ups.
    fn bus(&self) -> Arc<dyn Bus>;
    /// The counters it uses.
    fn counters(&self) -> Arc<dyn Counters>;
    async fn pass(&self, secs: u64);
}

pub(crate) const REALM: RealmId = RealmId([7; 16]);
pub(crate) const A: LoginId = LoginId([1; 16]);
const B: LoginId = LoginId([2; 16]);
const ACCOUNT: AccountId = AccountId([3; 16]);

/// The wake-up of a change.
pub(crate) fn changed(topic: Topic, v: u64) -> Wake {
    Wake::Changed { topic: topic.to_bytes(), v }
}

fn at(v: u64) -> Versioned {
    Versioned { v, body: format!("body {v}").into_bytes() }
}

pub(crate) fn opening<'a>(login: LoginId, body: &[u8], ttl_secs: u64) -> Opening<'a> {
    Opening {
        realm: REALM,
        from: &[],
        wary: None,
        gates: &[],
        login,
        body: body.to_vec(),
        ttl_secs,
        to: &[],
        shown: Limit { most: 9, secs: 60 },
        share: [0; 16],
    }
}

/// Opens a login that nothing prevents. Returns false when one with this id exists.
pub(crate) async fn make(live: &dyn Live, login: LoginId, body: &[u8], ttl_secs: u64) -> bool {
    live.open(opening(login, body, ttl_secs)).await.unwrap().made
}

async fn a_new_login_is_at_version_one_and_the_unknown_is_not_there(on: &dyn Bench) {
    let live = on.live();
    assert!(make(&*live, A, b"body 1", 60).await);
    assert!(!make(&*live, A, b"another", 60).await, "the id is taken");
    assert_eq!(live.read(A).await.unwrap(), Some(at(1)));
    assert_eq!(live.read(B).await.unwrap(), None);
}

async fn a_compare_and_set_moves_only_from_the_version_it_names(on: &dyn Bench) {
    let live = on.live();
    make(&*live, A, b"body 1", 60).await;
    assert_eq!(live.claim(A, ACCOUNT, 1, at(2), 60).await.unwrap(), Advanced::Done);
    assert_eq!(live.claim(A, ACCOUNT, 1, at(3), 60).await.unwrap(), Advanced::Stale(at(2)));
    assert_eq!(live.claim(B, ACCOUNT, 1, at(2), 60).await.unwrap(), Advanced::Missing);
    assert_eq!(live.read(A).await.unwrap(), Some(at(2)));
}

async fn of_many_that_compare_and_set_at_once_one_wins(on: &dyn Bench) {
    let live = on.live();
    make(&*live, A, b"body 1", 60).await;
    let tries: Vec<_> = (0..32_u8)
        .map(|i| {
            let live = live.clone();
            tokio::spawn(async move {
                live.claim(A, ACCOUNT, 1, Versioned { v: 2, body: vec![i] }, 60).await.unwrap()
            })
        })
        .collect();
    let mut won = Vec::new();
    for (i, t) in tries.into_iter().enumerate() {
        if t.await.unwrap() == Advanced::Done {
            won.push(u8::try_from(i).unwrap());
        }
    }
    assert_eq!(live.read(A).await.unwrap().unwrap().body, won, "one winner, and its body is there");
}

async fn settling_never_goes_back_and_may_find_nothing(on: &dyn Bench) {
    let live = on.live();
    make(&*live, A, b"body 1", 60).await;
    live.settle(A, at(3), None).await.unwrap();
    live.settle(A, at(2), None).await.unwrap();
    live.settle(B, at(3), None).await.unwrap();
    assert_eq!((live.read(A).await.unwrap(), live.read(B).await.unwrap()), (Some(at(3)), None));
}

async fn a_login_vanishes_in_its_time_whatever_happened_to_it(on: &dyn Bench) {
    let live = on.live();
    make(&*live, A, b"body 1", 3).await;
    make(&*live, B, b"body 1", 60).await;
    on.pass(2).await;
    live.claim(A, ACCOUNT, 1, at(2), 60).await.unwrap();
    live.settle(A, at(3), None).await.unwrap();
    on.pass(2).await;
    assert_eq!((live.read(A).await.unwrap(), live.read(B).await.unwrap()), (None, Some(at(1))));
    assert_eq!(live.claim(A, ACCOUNT, 3, at(4), 60).await.unwrap(), Advanced::Missing);
}

async fn every_change_wakes_every_subscriber(on: &dyn Bench) {
    let live = on.live();
    make(&*live, A, b"body 1", 60).await;
    let (mut one, mut two) = (
        on.bus().subscribe(PodId([1; 16])).await.unwrap(),
        on.bus().subscribe(PodId([2; 16])).await.unwrap(),
    );
    live.claim(A, ACCOUNT, 1, at(2), 60).await.unwrap();
    assert_eq!(
        live.claim(A, ACCOUNT, 1, at(2), 60).await.unwrap(),
        Advanced::Stale(at(2)),
        "changes nothing, so wakes nobody"
    );
    live.settle(A, at(3), None).await.unwrap();
    on.bus().announce(&Topic::Account(ACCOUNT).to_bytes(), 7).await.unwrap();
    for pod in [&mut one, &mut two] {
        for (topic, v) in [(Topic::Login(A), 2), (Topic::Login(A), 3), (Topic::Account(ACCOUNT), 7)] {
            assert_eq!(pod.next().await, Some(changed(topic, v)));
        }
    }
}

async fn claims_are_remembered_once_in_order_for_their_time(on: &dyn Bench) {
    let live = on.live();
    for (login, ttl) in [(A, 3), (B, 60)] {
        make(&*live, login, b"body 1", 60).await;
        live.claim(login, ACCOUNT, 1, at(2), ttl).await.unwrap();
    }
    live.claim(B, ACCOUNT, 2, at(2), 60).await.unwrap();
    assert!(
        matches!(live.claim(B, AccountId([9; 16]), 1, at(2), 60).await.unwrap(), Advanced::Stale(_)),
        "who came too late has nothing"
    );
    assert_eq!(live.claims(ACCOUNT).await.unwrap(), [A, B]);
    assert_eq!(live.claims(AccountId([9; 16])).await.unwrap(), []);
    on.pass(4).await;
    assert_eq!(live.claims(ACCOUNT).await.unwrap(), [B]);
    live.settle(B, at(3), Some(ACCOUNT)).await.unwrap();
    assert_eq!(live.claims(ACCOUNT).await.unwrap(), [], "the store has it now");
}

async fn offers_are_kept_apart_from_claims(on: &dyn Bench) {
    let live = on.live();
    for (login, ttl) in [(A, 3), (B, 60)] {
        live.open(Opening { to: &[ACCOUNT], ..opening(login, b"body 1", ttl) }).await.unwrap();
    }
    assert_eq!(
        (live.offers(ACCOUNT).await.unwrap(), live.claims(ACCOUNT).await.unwrap()),
        (vec![A, B], vec![])
    );
    on.pass(4).await;
    assert_eq!(live.offers(ACCOUNT).await.unwrap(), [B]);
}

async fn an_account_is_shown_so_many_and_each_once(on: &dyn Bench) {
    let live = on.live();
    let mut pod = on.bus().subscribe(PodId([1; 16])).await.unwrap();
    let (other, both) = (AccountId([4; 16]), [ACCOUNT, AccountId([4; 16])]);
    let login = |n: u8| LoginId([n; 16]);
    let shown = async |n: u8, to: &[AccountId], gates: &[Gate]| {
        let shown = Limit { most: 2, secs: 60 };
        live.open(Opening { to, gates, shown, ..opening(login(n), b"body 1", 60) }).await.unwrap().shown
    };
    let loud =
        Gate { counter: counter(CounterKind::User, 1), limit: Limit { most: 0, secs: 60 }, shut: false };
    assert_eq!(shown(1, &[ACCOUNT], &[]).await, [1]);
    assert_eq!(shown(1, &both, &[]).await, [0; 0], "it is there already");
    assert_eq!(shown(2, &[ACCOUNT], &[loud]).await, [0], "too many for the user: in silence");
    assert_eq!(shown(3, &both, &[]).await, [2, 1]);
    assert_eq!(shown(4, &both, &[]).await, [3, 2], "too many for one account");
    on.bus().announce(&Topic::Realm(REALM).to_bytes(), 0).await.unwrap();
    let mut told = Vec::new();
    while let Some(Wake::Changed { topic, v: 1 }) = pod.next().await {
        let Some(Topic::Offered { to, login }) = Topic::from_bytes(&topic) else {
            unreachable!("another topic")
        };
        told.push((to, login));
    }
    assert_eq!(told, [(ACCOUNT, login(1)), (ACCOUNT, login(3)), (other, login(3)), (other, login(4))]);
    assert_eq!(live.offers(ACCOUNT).await.unwrap(), [1, 2, 3, 4].map(login), "all of them wait");
    assert_eq!(live.offers(other).await.unwrap(), [3, 4].map(login));
}

/// An account has 64 slots, of which one initiator has at most eight.
async fn nobody_fills_an_accounts_list_with_their_own(on: &dyn Bench) {
    let live = on.live();
    let gate = |n: u8, quiet: bool| Gate {
        counter: counter(CounterKind::User, n),
        limit: Limit { most: if quiet { 0 } else { 1000 }, secs: 60 },
        shut: false,
    };
    let offer = async |n: u8, share: u8, quiet: bool| {
        let shown = Limit { most: 1000, secs: 60 };
        let gates = [gate(share, quiet)];
        let opening = Opening {
            to: &[ACCOUNT],
            gates: &gates,
            shown,
            share: [share; 16],
            ..opening(LoginId([n; 16]), b"body 1", 60)
        };
        assert!(live.open(opening).await.unwrap().made);
    };
    let listed =
        async || live.offers(ACCOUNT).await.unwrap().into_iter().map(|id| id.0[0]).collect::<Vec<_>>();
    offer(1, 1, false).await;
    for n in 2..=20 {
        offer(n, 2, true).await;
    }
    assert_eq!(
        listed().await,
        [&[1][..], &(13..=20).collect::<Vec<u8>>()].concat(),
        "one share, and then their own oldest"
    );
    offer(21, 2, false).await;
    assert!(
        !listed().await.contains(&13) && listed().await.contains(&21),
        "one that is shown takes the place of their own quiet one"
    );
    // Eight more initiators with ten offers each, and a ninth with one, fill the list.
    for n in 30..=110 {
        offer(n, 3 + (n - 30) / 10, true).await;
    }
    let full = listed().await;
    assert_eq!(full.len(), 64);
    assert!(full.contains(&1) && full.contains(&21), "what is shown stays whatever is quiet");
    for n in 120..=190 {
        offer(n, n, false).await;
    }
    let shown = listed().await;
    assert!(
        shown.len() == 64 && shown.iter().all(|n| *n >= 120),
        "what is shown displaces what is quiet, and then the oldest: {shown:?}"
    );
    offer(200, 200, true).await;
    assert_eq!(listed().await, shown, "and nothing quiet displaces what is shown");
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
                a_new_login_is_at_version_one_and_the_unknown_is_not_there,
                a_compare_and_set_moves_only_from_the_version_it_names,
                of_many_that_compare_and_set_at_once_one_wins,
                settling_never_goes_back_and_may_find_nothing,
                a_login_vanishes_in_its_time_whatever_happened_to_it,
                every_change_wakes_every_subscriber,
                claims_are_remembered_once_in_order_for_their_time,
                offers_are_kept_apart_from_claims,
                an_account_is_shown_so_many_and_each_once,
                nobody_fills_an_accounts_list_with_their_own,
                an_opening_counts_up_to_the_gate_that_is_shut,
                who_stays_out_opens_nothing_and_is_not_counted,
                whoever_is_to_be_watched_opens_nothing_unless_the_login_is_careful,
                who_stays_out_comes_in_again_in_time_or_when_released,
            ]
        );
    };
}

struct InMemory {
    clock: Arc<Hands>,
    kv: Arc<MemoryKv>,
    live: Arc<MemoryLive>,
}

impl InMemory {
    async fn new() -> Option<Self> {
        let clock = Arc::new(Hands::default());
        let kv = Arc::new(MemoryKv::new(clock.clone()));
        Some(Self { clock, live: Arc::new(MemoryLive::new(kv.clone())), kv })
    }
}

#[async_trait]
impl Bench for InMemory {
    fn live(&self) -> Arc<dyn Live> {
        self.live.clone()
    }
    fn bus(&self) -> Arc<dyn Bus> {
        self.kv.clone()
    }
    fn counters(&self) -> Arc<dyn Counters> {
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
    live: Arc<RedisLive>,
}

const SECOND: Duration = Duration::from_millis(40);

impl InRedis {
    async fn new() -> Option<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let url = countersign_testkit::redis()?.database().parse().unwrap();
        let prefix = format!("t{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let clock = Arc::new(Hands::default());
        let kv = RedisKv::open(&url, &prefix, clock.clone(), &Handle::current()).await.unwrap();
        let kv = Arc::new(kv.with_second(SECOND));
        Some(Self { clock, live: Arc::new(RedisLive::new(kv.clone())), kv })
    }
}

#[async_trait]
impl Bench for InRedis {
    fn live(&self) -> Arc<dyn Live> {
        self.live.clone()
    }
    fn bus(&self) -> Arc<dyn Bus> {
        self.kv.clone()
    }
    fn counters(&self) -> Arc<dyn Counters> {
        self.kv.clone()
    }
    /// Keys expire by Redis' own clock, which a test cannot set, so this sleeps as well.
    async fn pass(&self, secs: u64) {
        self.clock.pass(secs);
        tokio::time::sleep(SECOND * u32::try_from(secs).unwrap()).await;
    }
}

contract!(in_redis, InRedis::new());
