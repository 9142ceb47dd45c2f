//! Tests of what the store must do, on every database.

use std::sync::Arc;

use crate::support::Place;
use countersign_domain_ns::{
    account::{Account, Origin, PhonesAfter},
    audit::{Actor, Filter, Stamp},
    enrolment::{Confirm, Enrolment, EnrolmentState},
    further::{Admission, Past, UserHash},
    login::{Claim, EndedBy, Initiator, Login, Outcome, Via},
    ports::{Recorded, Redeemed, Store},
    realm::{Realm, RealmSettings, SealedRealm},
};
use countersign_ports::time::Time;
use countersign_protocol::{
    codes::{AccountState, LoginState},
    ids::{AccountId, AuditId, ClientId, EnrolmentId, Jkt, LoginId, RealmId, ReqId},
};

pub(crate) const REALM: RealmId = RealmId([1; 16]);
pub(crate) const PHONE: AccountId = AccountId([2; 16]);
pub(crate) const ALICE: UserHash = UserHash([9; 16]);
pub(crate) const NOW: Time = Time(1_000_000);

pub(crate) fn id(n: u32) -> [u8; 16] {
    let mut id = [7; 16];
    id[..4].copy_from_slice(&n.to_be_bytes());
    id
}

/// A new stamp; every write needs one of its own.
pub(crate) fn stamp() -> Stamp {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    Stamp {
        id: AuditId(id(NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed))),
        now: NOW,
        who: Actor::System.into(),
    }
}

fn login(n: u32) -> Login {
    Login {
        id: LoginId(id(n)),
        realm: REALM,
        client: ClientId([4; 16]),
        realm_name: "Realm".into(),
        client_name: "Shop".into(),
        created_at: NOW,
        expires_at: NOW.plus_secs(120),
        expected_user: None,
        text: None,
        browser: None,
        place: None,
        return_url: None,
        page_hash: [0; 32],
        target: None,
        initiator: Initiator::default(),
        number_match: false,
        callback_url: None,
        request: None,
        number_off: false,
        accepts: Vec::new(),
        second_factor: None,
    }
}

pub(crate) fn outcome(n: u32, state: LoginState) -> Outcome {
    let claim = Some(Claim {
        account: PHONE,
        user_id: "alice".into(),
        via: Via::Qr,
        number: None,
        at: NOW,
        factor: None,
    });
    let later = NOW.plus_secs(600);
    Outcome {
        login: login(n),
        state,
        reason: None,
        claim,
        evidence: None,
        spent: None,
        decision: Some("e30".into()),
        req_id: Some(ReqId(id(n))),
        decided_at: NOW,
        redeem_by: later,
        ends_at: later,
    }
}

pub(crate) fn enrolment(n: u32) -> Enrolment {
    Enrolment {
        id: EnrolmentId(id(n)),
        realm: REALM,
        client: ClientId([4; 16]),
        user_id: "alice".into(),
        code_hash: [u8::try_from(n % 250).unwrap(); 32],
        confirm: Confirm::None,
        created_at: NOW,
        expires_at: NOW.plus_secs(600),
        state: EnrolmentState::Pending,
        tries_left: 3,
        redeemed: None,
        approval: None,
        created_by: None,
        factor_of: None,
    }
}

/// A store with a realm that has one active account.
pub(crate) async fn furnished(place: &Place) -> Arc<dyn Store> {
    let store = place.open().await;
    let realm = Realm {
        id: REALM,
        name: "realm".into(),
        display_name: "Realm".into(),
        created_at: NOW,
        settings: RealmSettings::default(),
    };
    let sealed = SealedRealm {
        realm,
        root_pin: [0; 32],
        sealed_root: None,
        sealed_qr: vec![1],
        keys: vec![],
        apps: vec![],
    };
    assert!(store.add_realm(&sealed, &stamp()).await.unwrap());
    let mut redeemed = enrolment(900);
    store.add_enrolment(&redeemed, &stamp()).await.unwrap();
    redeemed.state = EnrolmentState::Confirmed;
    redeemed.redeemed = Some(countersign_domain_ns::enrolment::Redeemed {
        account: PHONE,
        jkt: Jkt([5; 32]),
        req_id: ReqId([6; 16]),
        device: "phone".into(),
        number: None,
    });
    let account = Account {
        id: PHONE,
        realm: REALM,
        user_id: "alice".into(),
        app: "open".into(),
        device: "phone".into(),
        jkt: Jkt([5; 32]),
        public_key: [4; 65],
        state: AccountState::Active,
        created_at: NOW,
        blocked: None,
        app_version: None,
        origin: Origin::default(),
        active_from: None,
        rules_from: None,
        phones: PhonesAfter::default(),
    };
    let first = Admission {
        past: Past::default(),
        recovered: false,
        unsettled: false,
        active_from: None,
        rules_from: None,
    };
    assert!(store.redeem_enrolment(&redeemed, &account, Some(&first), None, ALICE, &stamp()).await.unwrap());
    store
}

async fn of_many_outcomes_at_once_one_wins_and_the_others_are_shown_it(place: Place) {
    let store = furnished(&place).await;
    for round in 0..20 {
        let states = [LoginState::Approved, LoginState::Refused, LoginState::Cancelled, LoginState::Expired];
        let racers = states.into_iter().cycle().take(16).map(|state| {
            let store = store.clone();
            tokio::spawn(async move {
                (state, store.record_outcome(&outcome(round, state), &stamp()).await.unwrap())
            })
        });
        let (mut winner, mut shown) = (None, Vec::new());
        for racer in racers.collect::<Vec<_>>() {
            match racer.await.unwrap() {
                (state, Recorded::Won) => assert!(winner.replace(state).is_none(), "two winners"),
                (_, Recorded::Lost(there)) => shown.push(there.outcome.state),
                (_, other @ (Recorded::AccountNotActive(_) | Recorded::Spent)) => panic!("{other:?}"),
            }
        }
        let there = store.outcome(REALM, LoginId(id(round))).await.unwrap().unwrap();
        assert_eq!((Some(there.outcome.state), shown), (winner, vec![winner.unwrap(); 15]));
    }
}

async fn a_login_is_redeemed_once_and_not_after_its_end_nor_for_a_blocked_account(place: Place) {
    let store = furnished(&place).await;
    for n in 0..3 {
        store.record_outcome(&outcome(n, LoginState::Approved), &stamp()).await.unwrap();
    }
    let racers = (0..16).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            store.redeem(&outcome(0, LoginState::Approved), PHONE, &stamp()).await.unwrap()
        })
    });
    let mut won = 0;
    for racer in racers.collect::<Vec<_>>() {
        match racer.await.unwrap() {
            Redeemed::Won(account) => {
                won += 1;
                assert_eq!(account.user_id, "alice");
            }
            other => assert_eq!(other, Redeemed::Lost),
        }
    }
    assert_eq!(won, 1);
    assert!(store.end_login(REALM, LoginId(id(1)), EndedBy::Client, &stamp()).await.unwrap());
    assert!(!store.end_login(REALM, LoginId(id(1)), EndedBy::Phone, &stamp()).await.unwrap(), "one end");
    assert_eq!(
        store.redeem(&outcome(1, LoginState::Approved), PHONE, &stamp()).await.unwrap(),
        Redeemed::Ended
    );
    store
        .move_account(
            &store.account(REALM, PHONE).await.unwrap().unwrap(),
            AccountState::Blocked,
            ALICE,
            &stamp(),
        )
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        store.redeem(&outcome(2, LoginState::Approved), PHONE, &stamp()).await.unwrap(),
        Redeemed::Ended,
        "blocking ended it"
    );
    let late = store.record_outcome(&outcome(9, LoginState::Approved), &stamp()).await.unwrap();
    assert_eq!(late, Recorded::AccountNotActive(AccountState::Blocked));
}

async fn blocking_ends_everything_the_account_approved_however_much_it_is(place: Place) {
    let store = furnished(&place).await;
    for n in 0..450 {
        store.record_outcome(&outcome(n, LoginState::Approved), &stamp()).await.unwrap();
    }
    let ended = store
        .move_account(
            &store.account(REALM, PHONE).await.unwrap().unwrap(),
            AccountState::Blocked,
            ALICE,
            &stamp(),
        )
        .await
        .unwrap()
        .unwrap();
    assert_eq!((ended.len(), store.running_logins(REALM, PHONE, Time(0)).await.unwrap()), (450, vec![]));
}

async fn a_write_that_fails_takes_nothing_of_its_batch_with_it(place: Place) {
    let store = furnished(&place).await;
    // All writes start at once, so that they share commits. The even ones have the same code, so
    // all but one of them fail.
    let writes = (0..200_u32).map(|n| {
        let store = store.clone();
        let e = Enrolment {
            code_hash: if n % 2 == 0 { [255; 32] } else { enrolment(n).code_hash },
            ..enrolment(n)
        };
        tokio::spawn(async move { (n, store.add_enrolment(&e, &stamp()).await == Ok(true)) })
    });
    let mut there = Vec::new();
    for write in writes.collect::<Vec<_>>() {
        let (n, ok) = write.await.unwrap();
        assert_eq!(
            store.enrolment(REALM, EnrolmentId(id(n))).await.unwrap().is_some(),
            ok,
            "what was answered is what is there"
        );
        there.extend(ok.then_some(n));
    }
    assert_eq!(
        (there.iter().filter(|n| *n % 2 == 0).count(), there.iter().filter(|n| *n % 2 == 1).count()),
        (1, 100)
    );
}

async fn what_was_answered_is_there_after_reopening_and_every_write_left_one_audit_row(place: Place) {
    let store = furnished(&place).await;
    for n in 0..10 {
        store.record_outcome(&outcome(n, LoginState::Refused), &stamp()).await.unwrap();
        store.record_outcome(&outcome(n, LoginState::Expired), &stamp()).await.unwrap();
    }
    drop(store);
    let store = place.open().await;
    for n in 0..10 {
        assert_eq!(
            store.outcome(REALM, LoginId(id(n))).await.unwrap().unwrap().outcome,
            outcome(n, LoginState::Refused)
        );
    }
    let rows = store.events(&Filter { realm: Some(REALM), limit: 1000, ..Filter::default() }).await.unwrap();
    let rows = rows.items;
    assert!(rows.windows(2).all(|w| w[0].seq < w[1].seq), "in the order of the commits");
    let count = |action: &str| rows.iter().filter(|r| r.action == action).count();
    assert_eq!(
        (
            count("login.refused"),
            count("login.expired"),
            count("enrolment.created"),
            count("enrolment.confirmed")
        ),
        (10, 0, 1, 1)
    );
}

crate::support::everywhere!(
    of_many_outcomes_at_once_one_wins_and_the_others_are_shown_it,
    a_login_is_redeemed_once_and_not_after_its_end_nor_for_a_blocked_account,
    blocking_ends_everything_the_account_approved_however_much_it_is,
    a_write_that_fails_takes_nothing_of_its_batch_with_it,
    what_was_answered_is_there_after_reopening_and_every_write_left_one_audit_row
);
