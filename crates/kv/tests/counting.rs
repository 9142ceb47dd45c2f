//! Tests of what every adapter must do when it counts.

use countersign_ports::counters::{Count, Counter};

use crate::contract::Bench;

fn counter(kind: &'static str, key: u8) -> Counter {
    Counter { scope: [7; 16], kind, key: [key; 16] }
}

pub(crate) async fn a_window_begins_with_its_first_count_and_ends_in_its_time(on: &dyn Bench) {
    let kv = on.kv();
    let c = counter("client", 1);
    assert_eq!(kv.count(c, 10).await.unwrap(), Count { n: 1, left: 10 });
    on.pass(4).await;
    assert_eq!(kv.count(c, 10).await.unwrap(), Count { n: 2, left: 6 });
    assert_eq!(kv.count(counter("client", 2), 10).await.unwrap().n, 1, "another key");
    assert_eq!(kv.count(counter("user", 1), 10).await.unwrap().n, 1, "another kind");
    let elsewhere = Counter { scope: [8; 16], ..c };
    assert_eq!(kv.count(elsewhere, 10).await.unwrap().n, 1, "another realm");
    on.pass(7).await;
    assert_eq!(kv.count(c, 10).await.unwrap(), Count { n: 1, left: 10 });
}

pub(crate) async fn of_many_counts_at_once_none_is_lost(on: &dyn Bench) {
    let kv = on.kv();
    let counts: Vec<_> = (0..64)
        .map(|_| {
            let kv = kv.clone();
            tokio::spawn(async move { kv.count(counter("client", 1), 60).await.unwrap().n })
        })
        .collect();
    let mut seen = Vec::new();
    for c in counts {
        seen.push(c.await.unwrap());
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=64).collect::<Vec<_>>());
}

pub(crate) async fn members_are_counted_once_each(on: &dyn Bench) {
    let kv = on.kv();
    let c = counter("address", 1);
    for (member, n) in [(1, 1), (1, 1), (2, 2), (1, 2), (3, 3)] {
        assert_eq!(kv.distinct(c, [member; 16], 60).await.unwrap(), n);
    }
    on.pass(61).await;
    assert_eq!(kv.distinct(c, [9; 16], 60).await.unwrap(), 1);
}
