//! What every adapter of the `Live` port promises. A new adapter implements [`Bench`] and joins the list at the end.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use countersign_domain::{
    ports::{Advanced, Clock, Live, Topic, Versioned, Wake},
    time::Time,
};
use countersign_kv::MemoryKv;
use countersign_protocol::ids::{AccountId, LoginId, PodId};

/// An adapter to be judged, and a way to let time pass for it.
#[async_trait]
trait Bench: Send + Sync {
    fn live(&self) -> Arc<dyn Live>;
    async fn pass(&self, secs: u64);
}

const A: LoginId = LoginId([1; 16]);
const B: LoginId = LoginId([2; 16]);
const ACCOUNT: AccountId = AccountId([3; 16]);

fn at(v: u64) -> Versioned {
    Versioned { v, body: format!("body {v}").into_bytes() }
}

async fn a_new_login_is_at_version_one_and_the_unknown_is_not_there(on: &dyn Bench) {
    let live = on.live();
    live.create(A, b"body 1".to_vec(), 60).await.unwrap();
    assert_eq!(live.read(A).await.unwrap(), Some(at(1)));
    assert_eq!(live.read(B).await.unwrap(), None);
}

async fn a_compare_and_set_moves_only_from_the_version_it_names(on: &dyn Bench) {
    let live = on.live();
    live.create(A, b"body 1".to_vec(), 60).await.unwrap();
    assert_eq!(live.advance(A, 1, at(2)).await.unwrap(), Advanced::Done);
    assert_eq!(live.advance(A, 1, at(3)).await.unwrap(), Advanced::Stale(at(2)));
    assert_eq!(live.advance(B, 1, at(2)).await.unwrap(), Advanced::Missing);
    assert_eq!(live.read(A).await.unwrap(), Some(at(2)));
}

async fn of_many_that_compare_and_set_at_once_one_wins(on: &dyn Bench) {
    let live = on.live();
    live.create(A, b"body 1".to_vec(), 60).await.unwrap();
    let tries: Vec<_> = (0..32_u8)
        .map(|i| {
            let live = live.clone();
            tokio::spawn(async move { live.advance(A, 1, Versioned { v: 2, body: vec![i] }).await.unwrap() })
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
    live.create(A, b"body 1".to_vec(), 60).await.unwrap();
    live.settle(A, at(3)).await.unwrap();
    live.settle(A, at(2)).await.unwrap();
    live.settle(B, at(3)).await.unwrap();
    assert_eq!((live.read(A).await.unwrap(), live.read(B).await.unwrap()), (Some(at(3)), None));
}

async fn a_login_vanishes_in_its_time_whatever_happened_to_it(on: &dyn Bench) {
    let live = on.live();
    live.create(A, b"body 1".to_vec(), 3).await.unwrap();
    live.create(B, b"body 1".to_vec(), 60).await.unwrap();
    on.pass(2).await;
    live.advance(A, 1, at(2)).await.unwrap();
    live.settle(A, at(3)).await.unwrap();
    on.pass(2).await;
    assert_eq!((live.read(A).await.unwrap(), live.read(B).await.unwrap()), (None, Some(at(1))));
    assert_eq!(live.advance(A, 3, at(4)).await.unwrap(), Advanced::Missing);
}

async fn every_change_wakes_every_subscriber(on: &dyn Bench) {
    let live = on.live();
    live.create(A, b"body 1".to_vec(), 60).await.unwrap();
    let (mut one, mut two) = (live.subscribe(PodId([1; 16])).await.unwrap(), live.subscribe(PodId([2; 16])).await.unwrap());
    live.advance(A, 1, at(2)).await.unwrap();
    assert_eq!(live.advance(A, 1, at(2)).await.unwrap(), Advanced::Stale(at(2)), "changes nothing, so wakes nobody");
    live.settle(A, at(3)).await.unwrap();
    live.announce(Topic::Account(ACCOUNT), 7).await.unwrap();
    for pod in [&mut one, &mut two] {
        for (topic, v) in [(Topic::Login(A), 2), (Topic::Login(A), 3), (Topic::Account(ACCOUNT), 7)] {
            assert_eq!(pod.next().await, Some(Wake::Changed { topic, v }));
        }
    }
}

async fn a_subscriber_that_falls_behind_hears_everything_or_is_told_to_read_everything(on: &dyn Bench) {
    const MANY: u64 = 20_000;
    let live = on.live();
    let mut pod = live.subscribe(PodId([1; 16])).await.unwrap();
    for v in 1..=MANY {
        live.announce(Topic::Login(A), v).await.unwrap();
    }
    let (mut next, mut resync) = (1, false);
    while next <= MANY {
        match pod.next().await.unwrap() {
            Wake::Resync => resync = true,
            Wake::Changed { v, .. } => {
                assert!(v == next || resync, "{} were lost without a word", v - next);
                next = v + 1;
            }
        }
    }
}

async fn claims_are_remembered_once_in_order_for_their_time(on: &dyn Bench) {
    let live = on.live();
    live.note_claim(ACCOUNT, A, 3).await.unwrap();
    live.note_claim(ACCOUNT, B, 60).await.unwrap();
    live.note_claim(ACCOUNT, B, 60).await.unwrap();
    assert_eq!(live.claims(ACCOUNT).await.unwrap(), [A, B]);
    assert_eq!(live.claims(AccountId([9; 16])).await.unwrap(), []);
    on.pass(4).await;
    assert_eq!(live.claims(ACCOUNT).await.unwrap(), [B]);
}

macro_rules! adapter {
    ($module:ident, $bench:expr, [$($promise:ident),* $(,)?]) => {
        mod $module {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $promise() {
                super::$promise(&$bench).await;
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
                a_subscriber_that_falls_behind_hears_everything_or_is_told_to_read_everything,
                claims_are_remembered_once_in_order_for_their_time,
            ]
        );
    };
}

#[derive(Default)]
struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::Relaxed))
    }
}

struct InMemory {
    clock: Arc<Hands>,
    live: Arc<MemoryKv>,
}

impl InMemory {
    fn new() -> Self {
        let clock = Arc::new(Hands::default());
        Self { clock: clock.clone(), live: Arc::new(MemoryKv::new(clock)) }
    }
}

#[async_trait]
impl Bench for InMemory {
    fn live(&self) -> Arc<dyn Live> {
        self.live.clone()
    }
    async fn pass(&self, secs: u64) {
        self.clock.0.fetch_add(secs * 1000, Ordering::Relaxed);
    }
}

contract!(in_memory, InMemory::new());
