//! Devices, factors, limits, key lists and what is purged.

use countersign_domain_sfs::{
    device::{Device, EvaluationId, Event, Pin, RecordId},
    keys::SealedKeys,
    limits::{Gate, Limit},
    policy::Rules,
    ports::{Change, Purged, Row, Store, Written, counter_of},
};
use countersign_pin::server::SeedId;
use countersign_ports::time::Time;
use countersign_protocol::{
    codes::{PinPolicy, PinState},
    ids::{AuditId, FactorId, Jkt},
};
use countersign_store_sfs::SfsStore;

use crate::Place;

const NOW: Time = Time(1_790_000_000_123);
const OPEN: Gate = Gate { key: [9; 16], limit: Limit { most: 0, secs: 60 } };

fn rules() -> Rules {
    Rules::of(PinPolicy::Lock)
}

/// A row of the trail with an id of its own.
fn row() -> Row {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let n = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let mut id = [7; 16];
    id[8..].copy_from_slice(&n.to_be_bytes());
    Row { id: AuditId(id), at: NOW, action: "pin.set" }
}

fn device(n: u8) -> Device {
    let pin = Pin { record: RecordId([n; 16]), seed: SeedId([n; 8]), sealed: vec![n; 221] };
    Device::new(Jkt([n; 32]), pin, &rules(), NOW)
}

fn attempt<'a>(from: &Device, to: &'a Device) -> Change<'a> {
    let from = from.version;
    Change { from, to, evaluation: true, gate: None, drop_factors: false, row: None, now: NOW }
}

pub(crate) async fn of_many_that_try_at_once_each_evaluation_costs_a_try(place: Place) {
    let stores = [place.open().await, place.open().await];
    let first = device(1);
    assert_eq!(stores[0].add_device(&first, OPEN, row()).await.unwrap(), Written::Done);
    assert_eq!(stores[1].add_device(&first, OPEN, row()).await.unwrap(), Written::Stale, "it is there");
    let guesses: Vec<_> =
        (0..100_u8).map(|n| tokio::spawn(guess(stores[usize::from(n % 2)].clone(), first.jkt, n))).collect();
    let mut answered = 0;
    for guess in guesses {
        answered += u32::from(guess.await.unwrap());
    }
    let after = stores[0].device(&first.jkt).await.unwrap().unwrap();
    // The waits between tries are the rules' business; here time stands still, so two pass.
    assert_eq!(answered, rules().tries - after.tries_left);
    assert!((1..=3).contains(&answered), "{answered}");
    let counted = stores[1].evaluations().await.unwrap();
    assert_eq!(counted[counter_of(&first.jkt)], u64::from(answered));
}

/// Tries until the rules refuse; returns whether a try was written.
async fn guess(store: SfsStore, jkt: Jkt, n: u8) -> bool {
    loop {
        let before = store.device(&jkt).await.unwrap().unwrap();
        let Ok(after) = before.step(Event::Try(EvaluationId([n; 16])), &rules(), NOW) else { return false };
        match store.change(attempt(&before, &after)).await.unwrap() {
            Written::Done => return true,
            Written::Stale => {}
            Written::Limited(_) => panic!("there is no limit"),
        }
    }
}

pub(crate) async fn a_device_is_what_was_stored_and_a_change_needs_its_version(place: Place) {
    let store = place.open().await;
    let mut before = device(2);
    assert_eq!(store.device(&before.jkt).await.unwrap(), None);
    store.add_device(&before, OPEN, row()).await.unwrap();
    assert_eq!(store.device(&before.jkt).await.unwrap(), Some(before.clone()));
    for event in [Event::Try(EvaluationId([1; 16])), Event::Prove(EvaluationId([1; 16]))] {
        let after = before.step(event, &rules(), NOW).unwrap();
        assert_eq!(store.change(attempt(&before, &after)).await.unwrap(), Written::Done);
        assert_eq!(store.device(&before.jkt).await.unwrap(), Some(after.clone()));
        assert_eq!(store.change(attempt(&before, &after)).await.unwrap(), Written::Stale, "again");
        before = after;
    }
    assert!(store.forget(&before.jkt, row()).await.unwrap());
    assert!(!store.forget(&before.jkt, row()).await.unwrap());
    assert_eq!(store.device(&before.jkt).await.unwrap(), None);
}

pub(crate) async fn a_gate_shuts_when_its_limit_is_reached_and_opens_when_its_window_ends(place: Place) {
    let store = place.open().await;
    let gate = Gate { key: [3; 16], limit: Limit { most: 2, secs: 60 } };
    for n in 10..12 {
        assert_eq!(store.add_device(&device(n), gate, row()).await.unwrap(), Written::Done);
    }
    assert_eq!(store.add_device(&device(12), gate, row()).await.unwrap(), Written::Limited(60));
    assert_eq!(store.device(&device(12).jkt).await.unwrap(), None, "nothing was written");
    let other = Gate { key: [4; 16], ..gate };
    assert_eq!(store.add_device(&device(13), other, row()).await.unwrap(), Written::Done);
    let late = Row { at: NOW.plus_secs(60), ..row() };
    assert_eq!(store.add_device(&device(12), gate, late).await.unwrap(), Written::Done);
    let (before, jkt) = (device(10), device(10).jkt);
    let after = before.step(Event::Try(EvaluationId([1; 16])), &rules(), NOW).unwrap();
    let shut = Gate { key: [5; 16], limit: Limit { most: 1, secs: 60 } };
    let gated = |from: &Device, to| Change { gate: Some(shut), ..attempt(from, to) };
    assert_eq!(store.change(gated(&before, &after)).await.unwrap(), Written::Done);
    let next = after.step(Event::Try(EvaluationId([2; 16])), &rules(), NOW).unwrap();
    assert_eq!(store.change(gated(&after, &next)).await.unwrap(), Written::Limited(60));
    assert_eq!(store.device(&jkt).await.unwrap(), Some(after), "no try was taken");
}

pub(crate) async fn factors_belong_to_one_device_and_go_with_it(place: Place) {
    let store = place.open().await;
    let (one, other) = (device(20), device(21));
    store.add_device(&one, OPEN, row()).await.unwrap();
    let factor = |n| FactorId([n; 16]);
    assert!(!store.add_factor(factor(1), &other.jkt, 2, NOW).await.unwrap(), "there is no such device");
    for n in 1..=2 {
        assert!(store.add_factor(factor(n), &one.jkt, 2, NOW).await.unwrap());
    }
    assert!(!store.add_factor(factor(3), &one.jkt, 2, NOW).await.unwrap(), "as many as it may have");
    assert_eq!(store.owner(factor(1)).await.unwrap(), Some(one.jkt));
    assert_eq!(store.owner(factor(3)).await.unwrap(), None);
    let wiped = Device { state: PinState::Wiped, version: 2, ..one.clone() };
    let change = Change { drop_factors: true, evaluation: false, ..attempt(&one, &wiped) };
    assert_eq!(store.change(change).await.unwrap(), Written::Done);
    assert_eq!(store.owner(factor(1)).await.unwrap(), None);
}

pub(crate) async fn one_of_several_pods_makes_the_next_key_list(place: Place) {
    let stores = [place.open().await, place.open().await];
    assert_eq!(stores[0].keys().await.unwrap(), None);
    for seq in 1..=3_u8 {
        let list = |n: u8| SealedKeys {
            seq: seq.into(),
            list: format!("list {seq} of pod {n}"),
            kid: Jkt([seq + n; 32]),
            sealed: vec![n; 200],
            made_at: NOW,
        };
        let (a, b) = (list(100), list(200));
        let (won, lost) = tokio::join!(stores[0].add_keys(&a, row()), stores[1].add_keys(&b, row()));
        assert!(won.clone().unwrap() ^ lost.unwrap(), "one wins");
        let there = stores[1].keys().await.unwrap().unwrap();
        assert_eq!(there, if won.unwrap() { a } else { b });
    }
}

pub(crate) async fn a_restored_database_leaves_one_try_and_counts_from_where_it_was(place: Place) {
    let store = place.open().await;
    let (fresh, used) = (device(30), Device { tries_left: 1, ..device(31) });
    let lost = Device { tries_left: 0, ..device(32) };
    for d in [&fresh, &used, &lost] {
        store.add_device(d, OPEN, row()).await.unwrap();
    }
    let tried = fresh.step(Event::Try(EvaluationId([1; 16])), &rules(), NOW).unwrap();
    store.change(attempt(&fresh, &tried)).await.unwrap();
    let mut least = [5; 16];
    least[counter_of(&fresh.jkt)] = 0;
    assert_eq!(store.restored(least, row()).await.unwrap(), 1);
    let left = |d: &Device| {
        let (store, jkt) = (store.clone(), d.jkt);
        async move { store.device(&jkt).await.unwrap().unwrap() }
    };
    assert_eq!((left(&fresh).await.tries_left, left(&fresh).await.open), (1, None));
    assert_eq!((left(&used).await.tries_left, left(&lost).await.tries_left), (1, 0));
    least[counter_of(&fresh.jkt)] = 1;
    assert_eq!(store.evaluations().await.unwrap(), least, "counters are only raised");
}

pub(crate) async fn what_is_unused_is_purged_with_all_that_belongs_to_it(place: Place) {
    let store = place.open().await;
    let (old, young) = (device(40), Device { used_at: NOW.plus_secs(100), ..device(41) });
    let gate = Gate { key: [6; 16], limit: Limit { most: 5, secs: 10 } };
    for d in [&old, &young] {
        store.add_device(d, gate, row()).await.unwrap();
        store.add_factor(FactorId([d.jkt.0[0]; 16]), &d.jkt, 9, NOW).await.unwrap();
    }
    let later = NOW.plus_secs(50);
    let gone = store.purge(later, later, NOW).await.unwrap();
    assert_eq!(gone, Purged { devices: 1, factors: 1, limits: 1, rows: 0 });
    assert_eq!(store.device(&old.jkt).await.unwrap(), None);
    assert_eq!(store.owner(FactorId([41; 16])).await.unwrap(), Some(young.jkt));
    assert_eq!(store.purge(later, later, later).await.unwrap().rows, 2);
    store.tend().await.unwrap();
}
