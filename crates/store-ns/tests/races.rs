//! Tests of what holds when several pods write at the same time.

use std::{collections::BTreeMap, sync::Arc};

use countersign_domain_ns::{
    audit::Filter,
    login::EndedBy,
    ports::{Recorded, Store},
};
use countersign_protocol::{
    codes::{AccountState, LoginState},
    ids::LoginId,
};

use crate::{
    contract::{ALICE, NOW, PHONE, REALM, furnished, id, outcome, stamp},
    support::Place,
};

/// Either the block comes first and the approval is refused, or the approval comes first and the
/// block ends it. In both cases no approval outlives the block.
async fn no_approval_outlives_the_block_it_races_with(place: Place) {
    let here = furnished(&place).await;
    let there = place.open().await;
    for round in 0..30 {
        let account = here.account(REALM, PHONE).await.unwrap().unwrap();
        let approvals = (0..4).map(|n| {
            let store = if n % 2 == 0 { here.clone() } else { there.clone() };
            tokio::spawn(async move {
                store.record_outcome(&outcome(round * 10 + n, LoginState::Approved), &stamp()).await.unwrap()
            })
        });
        let approvals = approvals.collect::<Vec<_>>();
        let block = tokio::spawn({
            let (there, account) = (there.clone(), account.clone());
            async move { there.move_account(&account, AccountState::Blocked, ALICE, &stamp()).await.unwrap() }
        });
        let mut approved = 0;
        for approval in approvals {
            match approval.await.unwrap() {
                Recorded::Won => approved += 1,
                other => assert_eq!(other, Recorded::AccountNotActive(AccountState::Blocked)),
            }
        }
        assert_eq!(
            block.await.unwrap().unwrap().len(),
            approved,
            "round {round}: what was approved is what was ended"
        );
        assert_eq!(here.running_logins(REALM, PHONE, NOW).await.unwrap(), vec![]);
        let blocked = here.account(REALM, PHONE).await.unwrap().unwrap();
        here.move_account(&blocked, AccountState::Active, ALICE, &stamp()).await.unwrap().unwrap();
    }
}

/// A reader that always continues after the last row it has seen sees every row once, in whatever
/// order the writers commit.
async fn whoever_reads_the_trail_while_it_is_written_misses_nothing(place: Place) {
    const EACH: u32 = 25;
    let stores = [furnished(&place).await, place.open().await];
    let before = read_on(&*stores[0], 0).await;
    let mut after = before.last().map_or(0, |row| row.0);
    let writers = (0..16_u32).map(|writer| {
        let store = stores[writer as usize % 2].clone();
        tokio::spawn(async move {
            for n in 0..EACH {
                let login = 1000 + writer * EACH + n;
                store.record_outcome(&outcome(login, LoginState::Refused), &stamp()).await.unwrap();
            }
        })
    });
    let writers = writers.collect::<Vec<_>>();
    let mut seen = BTreeMap::new();
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        take(&*stores[0], &mut after, &mut seen).await;
        take(&*stores[1], &mut after, &mut seen).await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    take(&*stores[1], &mut after, &mut seen).await;
    assert_eq!((seen.len(), seen.values().all(|times| *times == 1)), (16 * EACH as usize, true));
    assert_eq!(stores[0].last_event(Some(REALM)).await.unwrap(), after);
}

async fn read_on(store: &dyn Store, after: u64) -> Vec<(u64, String)> {
    let filter = Filter { realm: Some(REALM), after, limit: 50, ..Filter::default() };
    store.events(&filter).await.unwrap().items.into_iter().map(|row| (row.seq, row.about.object)).collect()
}

async fn take(store: &dyn Store, after: &mut u64, seen: &mut BTreeMap<String, u32>) {
    loop {
        let rows = read_on(store, *after).await;
        for (seq, object) in &rows {
            assert!(*seq > *after);
            *after = *seq;
            *seen.entry(object.clone()).or_default() += 1;
        }
        if rows.is_empty() {
            return;
        }
    }
}

/// When several callers on two pods end the same login at the same time, there is one winner.
async fn every_race_has_one_winner(place: Place) {
    let stores: [Arc<dyn Store>; 2] = [furnished(&place).await, place.open().await];
    for round in 0..20_u32 {
        let login = LoginId(id(round));
        stores[0].record_outcome(&outcome(round, LoginState::Approved), &stamp()).await.unwrap();
        let ends = (0..8_usize).map(|n| {
            let store = stores[n % 2].clone();
            let by = [EndedBy::Client, EndedBy::Phone][n % 2];
            tokio::spawn(
                async move { store.end_login(REALM, login, by, &stamp()).await.unwrap().then_some(by) },
            )
        });
        let mut winners = Vec::new();
        for end in ends.collect::<Vec<_>>() {
            winners.extend(end.await.unwrap());
        }
        let there = stores[1].outcome(REALM, login).await.unwrap().unwrap().ended.unwrap();
        assert_eq!(winners, [there.0], "round {round}");
    }
}

crate::support::everywhere!(
    no_approval_outlives_the_block_it_races_with,
    whoever_reads_the_trail_while_it_is_written_misses_nothing,
    every_race_has_one_winner
);
