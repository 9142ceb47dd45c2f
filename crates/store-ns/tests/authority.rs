//! Tests of who took a phone away and who lets in the next one, of the first root key, and of how
//! long rows are kept.

use std::sync::Arc;

use countersign_domain_ns::{
    account::{Account, Origin, PhonesAfter},
    api_key::ApiKey,
    audit::{About, Actor, Filter, Stamp, Who},
    authority::{Authority, Lineage},
    enrolment::{Confirm, Enrolment, EnrolmentState, Redeemed},
    further::{Admission, Closer, Past},
    login::Outcome,
    permission::{builtin, role},
    ports::{Kept, Purged, Store},
    user::Hold,
};
use countersign_ports::{secret::Secret, time::Time};
use countersign_protocol::{
    codes::{AccountState, LoginState},
    ids::{AccountId, ApiKeyId, Jkt, LoginId, ReqId},
};

use crate::{
    contract::{ALICE, NOW, PHONE, REALM, enrolment, furnished, id, outcome, stamp},
    support::Place,
};

/// A stamp by a key with this role and lineage.
fn by(role: &str, lineage: u8) -> Stamp {
    let who = Who {
        permissions: builtin(role).unwrap(),
        lineage: Some(Lineage([lineage; 16])),
        ..Actor::Key(ApiKeyId([lineage; 16])).into()
    };
    Stamp { who, ..stamp() }
}

/// Adds a further phone of alice that has redeemed its code and waits.
async fn waiting(store: &Arc<dyn Store>, n: u32) -> Enrolment {
    let e = Enrolment { confirm: Confirm::Admin, ..enrolment(n) };
    store.add_enrolment(&e, &stamp()).await.unwrap();
    let account = AccountId(id(n));
    let jkt = Jkt([u8::try_from(n).unwrap(); 32]);
    let redeemed = Redeemed { account, jkt, req_id: ReqId(id(n)), device: "phone".into(), number: None };
    let after = Enrolment { state: EnrolmentState::Redeemed, redeemed: Some(redeemed), ..e };
    let account = Account {
        id: account,
        realm: REALM,
        user_id: "alice".into(),
        app: "open".into(),
        device: "phone".into(),
        jkt,
        public_key: [4; 65],
        state: AccountState::Pending,
        created_at: NOW,
        blocked: None,
        app_version: None,
        origin: Origin::default(),
        active_from: None,
        rules_from: None,
        phones: PhonesAfter::default(),
    };
    assert!(store.redeem_enrolment(&after, &account, None, None, ALICE, &stamp()).await.unwrap());
    store.enrolment(REALM, e.id).await.unwrap().unwrap()
}

async fn admit(store: &Arc<dyn Store>, e: &Enrolment, past: Past, stamp: &Stamp) -> bool {
    let admission =
        Admission { past, recovered: true, unsettled: false, active_from: None, rules_from: None };
    let after = Enrolment { state: EnrolmentState::Confirmed, ..e.clone() };
    store.move_enrolment(e, &after, Some(&admission), ALICE, stamp).await.unwrap()
}

async fn whoever_took_a_phone_away_is_remembered_until_the_next_one_is_let_in(place: Place) {
    let store = furnished(&place).await;
    let past = async || store.past(REALM, "alice", ALICE).await.unwrap();
    let closer = |lineage: u8, authority| Closer { lineage: Some(Lineage([lineage; 16])), authority };
    assert_eq!(past().await, Past { had: true, closers: vec![] });
    let account = async || store.account(REALM, PHONE).await.unwrap().unwrap();
    store
        .move_account(&account().await, AccountState::Blocked, ALICE, &by(role::HELP_DESK, 1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(past().await.closers, [closer(1, Authority::Block)]);
    let blocked = account().await.blocked.unwrap();
    assert_eq!((blocked.by, blocked.authority), (Actor::Key(ApiKeyId([1; 16])).text(), Authority::Block));
    store
        .move_account(&account().await, AccountState::Active, ALICE, &by(role::ROOT, 8))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(past().await.closers, [], "it works again");
    store
        .move_account(&account().await, AccountState::Blocked, ALICE, &by(role::HELP_DESK, 1))
        .await
        .unwrap()
        .unwrap();
    store
        .move_account(&account().await, AccountState::Deleted, ALICE, &by(role::REALM_ADMIN, 2))
        .await
        .unwrap()
        .unwrap();
    let now = past().await;
    assert_eq!(now.closers, [closer(1, Authority::Block), closer(2, Authority::Realm)]);

    let e = waiting(&store, 40).await;
    assert!(
        !admit(&store, &e, Past { had: true, closers: vec![] }, &by(role::REALM_ADMIN, 3)).await,
        "judged by another past"
    );
    assert!(admit(&store, &e, now, &by(role::REALM_ADMIN, 3)).await);
    assert_eq!(past().await, Past { had: true, closers: vec![] });
    let there = store.account(REALM, AccountId(id(40))).await.unwrap().unwrap();
    assert_eq!(there.origin.confirmed_by, Some(Actor::Key(ApiKeyId([3; 16])).text()));
    assert_eq!((there.origin.confirmed_at, there.origin.recovered_at), (Some(NOW), Some(NOW)));
    let told = store
        .events(&Filter { realm: Some(REALM), action: Some("alert".into()), limit: 9, ..Filter::default() })
        .await
        .unwrap();
    assert_eq!(told.items.iter().map(|e| e.action.as_str()).collect::<Vec<_>>(), ["alert.recovered"]);
}

async fn of_two_first_phones_that_are_let_in_at_once_one_is_the_first(place: Place) {
    let (here, there) = (furnished(&place).await, place.open().await);
    for round in 0..10 {
        let user = format!("user-{round}");
        let hash = countersign_domain_ns::further::UserHash([u8::try_from(round).unwrap(); 16]);
        let mut racers = Vec::new();
        for n in [50 + 2 * round, 51 + 2 * round] {
            let e = Enrolment { confirm: Confirm::Number, user_id: user.clone(), ..enrolment(n) };
            here.add_enrolment(&e, &stamp()).await.unwrap();
            let jkt = Jkt([u8::try_from(n).unwrap(); 32]);
            let redeemed = Redeemed {
                account: AccountId(id(n)),
                jkt,
                req_id: ReqId(id(n)),
                device: "x".into(),
                number: Some("1".into()),
            };
            let after = Enrolment { state: EnrolmentState::Redeemed, redeemed: Some(redeemed), ..e.clone() };
            let phone = here.account(REALM, PHONE).await.unwrap().unwrap();
            let origin = Origin::default();
            let account = Account {
                id: AccountId(id(n)),
                user_id: user.clone(),
                jkt,
                state: AccountState::Pending,
                origin,
                ..phone
            };
            assert!(here.redeem_enrolment(&after, &account, None, None, hash, &stamp()).await.unwrap());
            let store = if n % 2 == 0 { here.clone() } else { there.clone() };
            racers.push(tokio::spawn(async move {
                let e = store.enrolment(REALM, e.id).await.unwrap().unwrap();
                let first = Admission {
                    past: Past::default(),
                    recovered: false,
                    unsettled: false,
                    active_from: None,
                    rules_from: None,
                };
                let after = Enrolment { state: EnrolmentState::Confirmed, ..e.clone() };
                store.move_enrolment(&e, &after, Some(&first), hash, &stamp()).await.unwrap()
            }));
        }
        let mut won = 0;
        for racer in racers {
            won += usize::from(racer.await.unwrap());
        }
        assert_eq!(won, 1, "round {round}: the other one is a further phone by now");
    }
}

async fn an_old_phone_has_news_until_it_has_seen_the_list(place: Place) {
    let store = furnished(&place).await;
    let news = async || store.account(REALM, PHONE).await.unwrap().unwrap().phones;
    for (n, came) in [(40, 1), (41, 2)] {
        let e = waiting(&store, n).await;
        let past = store.past(REALM, "alice", ALICE).await.unwrap();
        assert!(admit(&store, &e, past, &by(role::REALM_ADMIN, 3)).await);
        assert_eq!(news().await, PhonesAfter { came, seen: 0 });
    }
    store.saw_phones(REALM, PHONE, 1).await.unwrap();
    assert_eq!(news().await, PhonesAfter { came: 2, seen: 1 }, "one came while it looked");
    store.saw_phones(REALM, PHONE, 2).await.unwrap();
    store.saw_phones(REALM, PHONE, 1).await.unwrap();
    assert_eq!(news().await, PhonesAfter { came: 2, seen: 2 });
}

async fn that_somebody_had_a_phone_outlives_their_name(place: Place) {
    let store = furnished(&place).await;
    let account = store.account(REALM, PHONE).await.unwrap().unwrap();
    store
        .move_account(&account, AccountState::Deleted, ALICE, &by(role::REALM_ADMIN, 2))
        .await
        .unwrap()
        .unwrap();
    assert!(store.erase_user(REALM, "alice", ALICE, "erased-x", &by(role::REALM_ADMIN, 2)).await.unwrap());
    let past = store.past(REALM, "alice", ALICE).await.unwrap();
    assert!(
        past.had && past.closers == [Closer { lineage: Some(Lineage([2; 16])), authority: Authority::Realm }],
        "{past:?}"
    );
    let other = countersign_domain_ns::further::UserHash([77; 16]);
    assert_eq!(store.past(REALM, "bob", other).await.unwrap(), Past::default());
    // A user who never had a phone leaves nothing.
    store.erase_user(REALM, "bob", other, "erased-y", &by(role::REALM_ADMIN, 2)).await.unwrap();
    assert_eq!(store.past(REALM, "bob", other).await.unwrap(), Past::default());
}

async fn a_database_has_one_first_root_key_and_it_never_comes_back(place: Place) {
    let stores = [place.open().await, place.open().await];
    let key = |n: u8| ApiKey::plain(ApiKeyId([n; 16]), &Secret::new([n; 32]), role::ROOT, None, NOW);
    assert!(!stores[0].had_root_key().await.unwrap());
    let racers = (1..=8_u8).map(|n| {
        let store = stores[usize::from(n % 2)].clone();
        tokio::spawn(async move { (n, store.add_first_root_key(&key(n), &stamp()).await.unwrap()) })
    });
    let mut won = Vec::new();
    for racer in racers.collect::<Vec<_>>() {
        let (n, first) = racer.await.unwrap();
        won.extend(first.then_some(n));
    }
    let [n] = won[..] else { panic!("{won:?}") };
    assert!(stores[0].had_root_key().await.unwrap());
    assert!(stores[0].delete_api_key(ApiKeyId([n; 16]), &stamp()).await.unwrap());
    assert!(
        !stores[1].add_first_root_key(&key(n), &stamp()).await.unwrap()
            && stores[1].had_root_key().await.unwrap()
    );
    assert_eq!(stores[0].api_key_by_hash(&Secret::new([n; 32]).hash()).await.unwrap(), None);
}

async fn each_class_of_the_trail_is_kept_for_its_own_time(place: Place) {
    let store = furnished(&place).await;
    let nobodys = |n| Outcome { claim: None, decision: None, ..outcome(n, LoginState::Expired) };
    store.record_outcome(&nobodys(1), &stamp()).await.unwrap();
    store.record_outcome(&outcome(2, LoginState::Refused), &stamp()).await.unwrap();
    store.tell("client.changed", &About::of(REALM, "x"), &stamp()).await.unwrap();
    store.tell("realm.retention_lowered", &About::of(REALM, "x"), &stamp()).await.unwrap();
    let actions = async || {
        let all =
            store.events(&Filter { realm: Some(REALM), limit: 100, ..Filter::default() }).await.unwrap();
        all.items.into_iter().map(|e| e.action).collect::<Vec<_>>()
    };
    let (never, later) = (Time(0), NOW.plus_secs(1_000_000));
    let purge = async |kept: Kept| store.purge(Some(REALM), kept).await.unwrap();
    let nothing =
        Kept { unclaimed: never, security: never, evidence: never, requests: never, attestations: never };
    assert_eq!(purge(nothing).await, Purged::default());
    assert_eq!(
        purge(Kept { unclaimed: later, ..nothing }).await,
        Purged { events: 1, outcomes: 1, requests: 0, ..Purged::default() }
    );
    assert!(
        store.outcome(REALM, LoginId(id(1))).await.unwrap().is_none()
            && store.outcome(REALM, LoginId(id(2))).await.unwrap().is_some()
    );
    assert_eq!(
        purge(Kept { security: later, ..nothing }).await,
        Purged { events: 2, outcomes: 0, requests: 0, ..Purged::default() },
        "client and realm"
    );
    assert_eq!(
        actions().await,
        ["enrolment.created", "enrolment.confirmed", "login.refused", "realm.retention_lowered"]
    );

    let hold = Hold {
        realm: REALM,
        user_id: "alice".into(),
        reason: None,
        placed_by: "key:x".into(),
        authority: Authority::Realm,
        placed_at: NOW,
    };
    assert!(
        store.add_hold(&hold, &stamp()).await.unwrap() && !store.add_hold(&hold, &stamp()).await.unwrap()
    );
    assert_eq!(store.holds(REALM, None, 10).await.unwrap(), [hold]);
    let everything =
        Kept { unclaimed: later, security: later, evidence: later, requests: later, attestations: later };
    assert_eq!(purge(everything).await, Purged::default(), "a hold lies on all of it");
    assert!(!store.erase_user(REALM, "alice", ALICE, "erased-x", &stamp()).await.unwrap());
    assert!(
        store.lift_hold(REALM, "alice", &stamp()).await.unwrap()
            && !store.lift_hold(REALM, "alice", &stamp()).await.unwrap()
    );
    assert_eq!(purge(everything).await, Purged { events: 5, outcomes: 1, requests: 0, ..Purged::default() });
    assert_eq!(actions().await, ["realm.retention_lowered"], "that less is kept outlives it");
}

/// The account is as the previous release leaves it: active without a time, and deleted by the
/// phone itself, so there is no record of who took it away.
async fn a_phone_that_the_release_before_let_in_is_not_forgotten_with_its_deletion(place: Place) {
    let store = place.open().await;
    let e = Enrolment { user_id: "carol".into(), ..enrolment(60) };
    let realm = furnished(&place).await.realms().await.unwrap().remove(0);
    assert_eq!(realm.realm.id, REALM);
    store.add_enrolment(&e, &stamp()).await.unwrap();
    let redeemed = Redeemed {
        account: AccountId(id(60)),
        jkt: Jkt([60; 32]),
        req_id: ReqId(id(60)),
        device: "x".into(),
        number: None,
    };
    let after = Enrolment { state: EnrolmentState::Confirmed, redeemed: Some(redeemed), ..e };
    let phone = store.account(REALM, PHONE).await.unwrap().unwrap();
    let origin = Origin::default();
    let account =
        Account { id: AccountId(id(60)), user_id: "carol".into(), jkt: Jkt([60; 32]), origin, ..phone };
    let hash = countersign_domain_ns::further::UserHash([60; 16]);
    assert!(store.redeem_enrolment(&after, &account, None, None, hash, &stamp()).await.unwrap());
    let account = store.account(REALM, account.id).await.unwrap().unwrap();
    assert_eq!(account.origin.confirmed_at, None);
    let itself = Stamp { who: Actor::Account(account.id).into(), ..stamp() };
    store.move_account(&account, AccountState::Deleted, hash, &itself).await.unwrap().unwrap();
    assert_eq!(store.past(REALM, "carol", hash).await.unwrap(), Past { had: true, closers: vec![] });
}

crate::support::everywhere!(
    a_phone_that_the_release_before_let_in_is_not_forgotten_with_its_deletion,
    whoever_took_a_phone_away_is_remembered_until_the_next_one_is_let_in,
    of_two_first_phones_that_are_let_in_at_once_one_is_the_first,
    an_old_phone_has_news_until_it_has_seen_the_list,
    that_somebody_had_a_phone_outlives_their_name,
    a_database_has_one_first_root_key_and_it_never_comes_back,
    each_class_of_the_trail_is_kept_for_its_own_time,
);
