//! Tests of what every adapter must do about counting when a login opens, and about quarantines.

use countersign_domain_ns::{
    limits::Limit,
    ports::{CounterKind, Gate, Measure, Opened, Opening, Quarantine, Suspect},
};
use countersign_ports::counters::{Count, Counter};
use countersign_protocol::ids::{LoginId, RealmId};

use crate::contract::{A, Bench, REALM, opening};

pub(crate) fn counter(kind: CounterKind, key: u8) -> Counter {
    kind.of(REALM, [key; 16])
}

fn suspect(key: u8, measure: Measure) -> Suspect {
    Suspect { key: [key; 16], measure }
}

pub(crate) async fn an_opening_counts_up_to_the_gate_that_is_shut(on: &dyn Bench) {
    let live = on.live();
    let gate = |kind, most, shut| Gate { counter: counter(kind, 1), limit: Limit { most, secs: 10 }, shut };
    let gates = [
        gate(CounterKind::User, 0, false),
        gate(CounterKind::Client, 2, true),
        gate(CounterKind::Address, 9, true),
    ];
    let open = |n: u8| live.open(Opening { gates: &gates, ..opening(LoginId([n; 16]), b"body 1", 60) });
    let count = |n| Count { n, left: 10 };
    assert_eq!(open(1).await.unwrap(), Opened { counts: vec![count(1); 3], made: true, ..Opened::default() });
    assert_eq!(
        open(1).await.unwrap(),
        Opened { counts: vec![count(2); 3], ..Opened::default() },
        "counted, though it is there"
    );
    assert_eq!(open(2).await.unwrap(), Opened { counts: vec![count(3); 2], ..Opened::default() });
    assert_eq!(live.read(LoginId([2; 16])).await.unwrap(), None);
    assert_eq!(
        on.counters().count(counter(CounterKind::Address, 1), 10).await.unwrap().n,
        3,
        "what is behind it was not counted"
    );
    on.pass(11).await;
    assert_eq!(open(2).await.unwrap(), Opened { counts: vec![count(1); 3], made: true, ..Opened::default() });
}

pub(crate) async fn who_stays_out_opens_nothing_and_is_not_counted(on: &dyn Bench) {
    let live = on.live();
    let gates =
        [Gate { counter: counter(CounterKind::Client, 1), limit: Limit { most: 9, secs: 10 }, shut: true }];
    live.quarantine(REALM, suspect(2, Measure::Address), 10).await.unwrap();
    let until = live.quarantined(REALM, suspect(2, Measure::Address)).await.unwrap();
    let from = [suspect(1, Measure::Browser), suspect(2, Measure::Address)];
    let open = |from| live.open(Opening { from, gates: &gates, ..opening(A, b"body 1", 60) });
    assert_eq!(open(&from).await.unwrap(), Opened { out: until, ..Opened::default() });
    assert_eq!(live.read(A).await.unwrap(), None);
    let opened = open(&from[..1]).await.unwrap();
    assert_eq!((opened.out, opened.counts[0].n, opened.made), (None, 1, true));
    on.pass(11).await;
    assert_eq!(open(&from).await.unwrap().out, None, "in its time");
}

pub(crate) async fn whoever_is_to_be_watched_opens_nothing_unless_the_login_is_careful(on: &dyn Bench) {
    let live = on.live();
    let gates =
        [Gate { counter: counter(CounterKind::Client, 1), limit: Limit { most: 9, secs: 10 }, shut: true }];
    let watched = suspect(1, Measure::Number);
    live.quarantine(REALM, watched, 10).await.unwrap();
    let open = |wary| live.open(Opening { wary, gates: &gates, ..opening(A, b"body 1", 60) });
    assert_eq!(
        open(Some(watched)).await.unwrap(),
        Opened { wary: true, ..Opened::default() },
        "nothing was counted"
    );
    assert_eq!(live.read(A).await.unwrap(), None);
    let careful = open(None).await.unwrap();
    assert_eq!((careful.wary, careful.counts[0].n, careful.made), (false, 1, true));
}

pub(crate) async fn who_stays_out_comes_in_again_in_time_or_when_released(on: &dyn Bench) {
    let live = on.live();
    let (one, two, three) =
        (suspect(1, Measure::Browser), suspect(2, Measure::Address), suspect(3, Measure::Directed));
    live.quarantine(REALM, one, 10).await.unwrap();
    live.quarantine(REALM, two, 60).await.unwrap();
    live.quarantine(RealmId([8; 16]), three, 60).await.unwrap();
    let suspects = |all: Vec<Quarantine>| all.into_iter().map(|q| q.suspect).collect::<Vec<_>>();
    assert_eq!(suspects(live.quarantines(REALM).await.unwrap()), [one, two]);
    assert!(live.quarantined(REALM, one).await.unwrap().is_some());
    assert!(
        live.quarantined(REALM, suspect(1, Measure::Directed)).await.unwrap().is_none(),
        "another measure"
    );
    assert!(live.quarantined(REALM, three).await.unwrap().is_none(), "another realm's");
    on.pass(11).await;
    assert!(live.quarantined(REALM, one).await.unwrap().is_none());
    assert!(live.release(REALM, two).await.unwrap() && !live.release(REALM, two).await.unwrap());
    assert!(live.quarantined(REALM, two).await.unwrap().is_none());
}
