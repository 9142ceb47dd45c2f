//! Tests of configuration, search and purging in the store, on every database.

use std::{collections::BTreeMap, sync::Arc};

use crate::support::Place;
use countersign_domain_ns::{
    Refused,
    api_key::ApiKey,
    audit::{About, Actor, Filter, Mark, Stamp, Who},
    further::UserHash,
    login::{Claim, Initiator, Login, Outcome, Target, Via},
    permission::{Permission, Role, role},
    ports::{Kept, Purged, Rotated, Store, UserQuery, UserSort},
    realm::{Realm, RealmSettings, SealedRealm},
    user::User,
};
use countersign_ports::{secret::Secret, time::Time};
use countersign_protocol::{
    codes::LoginState,
    ids::{AccountId, ApiKeyId, AuditId, ClientId, LoginId, RealmId},
};

const REALM: RealmId = RealmId([1; 16]);
const OTHER: RealmId = RealmId([9; 16]);

fn id(n: u32) -> [u8; 16] {
    let mut id = [7; 16];
    id[..4].copy_from_slice(&n.to_be_bytes());
    id
}

fn stamp(at: u64) -> Stamp {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let id = AuditId(id(NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)));
    Stamp { id, now: Time(at), who: Actor::System.into() }
}

fn marked(mark: Mark, stamp: Stamp) -> Stamp {
    Stamp { who: Who { mark: Some(mark), ..stamp.who }, ..stamp }
}

/// Purges everything from before this time.
fn all_before(at: u64) -> Kept {
    Kept {
        unclaimed: Time(at),
        security: Time(at),
        evidence: Time(at),
        requests: Time(at),
        attestations: Time(at),
    }
}

async fn open(place: &Place) -> Arc<dyn Store> {
    let store = place.open().await;
    for (realm, name) in [(REALM, "realm"), (OTHER, "other")] {
        let realm = Realm {
            id: realm,
            name: name.into(),
            display_name: name.into(),
            created_at: Time(0),
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
        assert!(store.add_realm(&sealed, &stamp(1000)).await.unwrap());
    }
    store
}

fn outcome(realm: RealmId, n: u32, user: &str, ends_at: u64) -> Outcome {
    let login = Login {
        id: LoginId(id(n)),
        realm,
        client: ClientId([4; 16]),
        realm_name: "Realm".into(),
        client_name: "Shop".into(),
        created_at: Time(1000),
        expires_at: Time(2000),
        expected_user: Some(user.into()),
        text: Some(format!("Hello {user}")),
        browser: None,
        place: None,
        return_url: None,
        page_hash: [0; 32],
        target: Some(Target::User(user.into())),
        initiator: Initiator::default(),
        number_match: false,
        callback_url: None,
        request: None,
        number_off: false,
        accepts: Vec::new(),
        second_factor: None,
    };
    let claim = Claim {
        account: AccountId([2; 16]),
        user_id: user.into(),
        via: Via::Directed,
        number: None,
        at: Time(1500),
        factor: None,
    };
    Outcome {
        login,
        state: LoginState::Refused,
        reason: None,
        claim: Some(claim),
        evidence: None,
        spent: None,
        decision: None,
        req_id: None,
        decided_at: Time(1600),
        redeem_by: Time(1600),
        ends_at: Time(ends_at),
    }
}

async fn what_is_past_its_time_is_forgotten_in_its_realm_and_nothing_else(place: Place) {
    let store = open(&place).await;
    for n in 0..700 {
        store.record_outcome(&outcome(REALM, n, "alice", 5000), &stamp(1600)).await.unwrap();
    }
    store.record_outcome(&outcome(REALM, 900, "alice", 9000), &stamp(8000)).await.unwrap();
    store.record_outcome(&outcome(OTHER, 901, "alice", 5000), &stamp(1600)).await.unwrap();
    let mut gone = Purged::default();
    loop {
        let batch = store.purge(Some(REALM), all_before(6000)).await.unwrap();
        gone = Purged {
            events: gone.events + batch.events,
            outcomes: gone.outcomes + batch.outcomes,
            requests: 0,
            attestations: gone.attestations + batch.attestations,
        };
        if batch == Purged::default() {
            break;
        }
    }
    assert_eq!(
        gone,
        Purged { events: 701, outcomes: 700, requests: 0, ..Purged::default() },
        "the realm's creation and its old outcomes"
    );
    assert!(store.outcome(REALM, LoginId(id(900))).await.unwrap().is_some());
    assert!(store.outcome(OTHER, LoginId(id(901))).await.unwrap().is_some());
    let key = ApiKey::plain(ApiKeyId([5; 16]), &Secret::new([3; 32]), role::ROOT, None, Time(0));
    let keyed = marked(Mark { id: [7; 16], hash: [8; 32] }, stamp(10));
    store.add_api_key(&key, &keyed).await.unwrap();
    assert_eq!(
        store.purge(None, all_before(6000)).await.unwrap(),
        Purged { events: 1, outcomes: 0, requests: 1, ..Purged::default() },
        "what is no realm's"
    );
    let left = store.events(&Filter { limit: 100, ..Filter::default() }).await.unwrap();
    assert_eq!(
        left.items.iter().map(|e| e.action.as_str()).collect::<Vec<_>>(),
        ["realm.created", "login.refused", "login.refused"]
    );
}

async fn an_erased_user_is_nowhere_and_what_happened_still_counts(place: Place) {
    let store = open(&place).await;
    for (realm, n) in [(REALM, 1), (OTHER, 2)] {
        let user =
            User { realm, user_id: "alice".into(), display_name: Some("Alice".into()), created_at: Time(0) };
        store.put_user(&user, &stamp(1)).await.unwrap();
        store.record_outcome(&outcome(realm, n, "alice", 5000), &stamp(2)).await.unwrap();
    }
    // This login was meant for alice, but no account claimed it.
    let unclaimed = Outcome { claim: None, state: LoginState::Expired, ..outcome(REALM, 3, "alice", 5000) };
    store.record_outcome(&unclaimed, &stamp(2)).await.unwrap();
    assert_eq!(store.outcomes_of_user(REALM, "alice", None, 10).await.unwrap().items.len(), 2);
    store
        .set_attributes(
            REALM,
            "alice",
            &BTreeMap::from([("mail".to_owned(), Some("alice@example.com".to_owned()))]),
            &stamp(3),
        )
        .await
        .unwrap();
    assert!(store.erase_user(REALM, "alice", UserHash([1; 16]), "erased-x", &stamp(4)).await.unwrap());
    let record = store.outcome(REALM, LoginId(id(1))).await.unwrap().unwrap();
    let events = store.events(&Filter { realm: Some(REALM), limit: 100, ..Filter::default() }).await.unwrap();
    let unclaimed = store.outcome(REALM, LoginId(id(3))).await.unwrap().unwrap();
    let told =
        format!("{record:?} {unclaimed:?} {events:?} {:?}", store.attributes(REALM, "alice").await.unwrap());
    assert!(!told.contains("alice") && told.contains("erased-x"), "{told}");
    assert_eq!(store.user(REALM, "alice").await.unwrap(), None);
    assert!(store.user(OTHER, "alice").await.unwrap().is_some(), "another realm's alice is somebody else");
    assert_eq!(store.outcomes_of_user(OTHER, "alice", None, 10).await.unwrap().items.len(), 1);
    assert!(
        events.items.iter().any(|e| e.action == "login.refused")
            && events.items.iter().any(|e| e.action == "user.erased")
    );
}

async fn users_are_found_as_asked_and_pages_leave_nobody_out(place: Place) {
    let store = open(&place).await;
    for (n, name) in ["a%b", "a_b", "axb", "b", "c"].iter().enumerate() {
        let shown = (n % 2 == 0).then(|| format!("Name {n}"));
        let user = User {
            realm: REALM,
            user_id: (*name).into(),
            display_name: shown,
            created_at: Time(10 - n as u64 / 2),
        };
        store.put_user(&user, &stamp(1)).await.unwrap();
    }
    let ids = async |query: UserQuery| {
        store.users(REALM, &query).await.unwrap().items.into_iter().map(|u| u.user_id).collect::<Vec<_>>()
    };
    let all = UserQuery { limit: 100, ..UserQuery::default() };
    assert_eq!(
        ids(UserQuery { text: Some("%".into()), ..all.clone() }).await,
        ["a%b"],
        "patterns stand for themselves"
    );
    assert_eq!(ids(UserQuery { text: Some("_".into()), ..all.clone() }).await, ["a_b"]);
    assert_eq!(ids(UserQuery { text: Some("NAME 4".into()), ..all.clone() }).await, ["c"]);
    store
        .set_attributes(REALM, "b", &BTreeMap::from([("team".to_owned(), Some("red".to_owned()))]), &stamp(2))
        .await
        .unwrap();
    assert_eq!(ids(UserQuery { attribute: Some(("team".into(), "red".into())), ..all.clone() }).await, ["b"]);
    assert_eq!(
        ids(UserQuery { attribute: Some(("team".into(), "blue".into())), ..all.clone() }).await,
        Vec::<String>::new()
    );
    for (sort, descending) in [
        (UserSort::UserId, false),
        (UserSort::UserId, true),
        (UserSort::CreatedAt, false),
        (UserSort::CreatedAt, true),
    ] {
        let whole = ids(UserQuery { sort, descending, ..all.clone() }).await;
        let (mut walked, mut after) = (Vec::new(), None);
        loop {
            let page = store
                .users(
                    REALM,
                    &UserQuery { sort, descending, after: after.clone(), limit: 2, ..UserQuery::default() },
                )
                .await
                .unwrap();
            walked.extend(page.items.into_iter().map(|u| u.user_id));
            let Some(more) = page.more else { break };
            after = Some(more);
        }
        assert_eq!((walked.len(), &walked), (5, &whole), "{sort:?} {descending}");
    }
}

async fn a_key_has_what_its_role_has_now_and_a_role_in_use_stays(place: Place) {
    let store = open(&place).await;
    let secret = Secret::new([3; 32]);
    let key = ApiKey::plain(ApiKeyId([5; 16]), &secret, "support", Some((REALM, None)), Time(0));
    assert!(!store.add_api_key(&key, &stamp(1)).await.unwrap(), "there is no such role");
    let support = |permissions: &[Permission]| Role {
        realm: Some(REALM),
        name: "support".into(),
        permissions: permissions.iter().copied().collect(),
        created_at: Time(0),
    };
    store.put_role(&support(&[Permission::Logins]), &stamp(2)).await.unwrap().unwrap();
    let elsewhere =
        ApiKey::plain(ApiKeyId([6; 16]), &Secret::new([4; 32]), "support", Some((OTHER, None)), Time(0));
    assert!(!store.add_api_key(&elsewhere, &stamp(3)).await.unwrap(), "the role is another realm's");
    assert!(store.add_api_key(&key, &stamp(4)).await.unwrap());
    let has = async |p| store.api_key_by_hash(&secret.hash()).await.unwrap().unwrap().permissions.has(p);
    assert!(has(Permission::Logins).await && !has(Permission::Audit).await);
    store.put_role(&support(&[Permission::Audit]), &stamp(5)).await.unwrap().unwrap();
    assert!(!has(Permission::Logins).await && has(Permission::Audit).await);
    assert_eq!(store.delete_role(Some(REALM), "support", &stamp(6)).await.unwrap(), Err(Refused::InUse));
    let new = ApiKey { id: ApiKeyId([8; 16]), hash: [8; 32], ..key.clone() };
    assert!(matches!(
        store.rotate_api_key(key.id, Time(500), &new, false, &stamp(7)).await.unwrap(),
        Rotated::Done(_)
    ));
    assert_eq!(
        store.rotate_api_key(key.id, Time(900), &new, false, &stamp(8)).await.unwrap(),
        Rotated::Taken,
        "the same successor twice"
    );
    assert_eq!(store.api_key(key.id).await.unwrap().unwrap().expires_at, Some(Time(500)));
    for key in [key.id, new.id] {
        assert!(store.delete_api_key(key, &stamp(9)).await.unwrap());
    }
    assert_eq!(store.delete_role(Some(REALM), "support", &stamp(10)).await.unwrap(), Ok(()));
    assert_eq!(
        store.delete_role(Some(REALM), role::CLIENT, &stamp(11)).await.unwrap(),
        Err(Refused::NotFound)
    );
}

async fn a_keyed_request_leaves_its_mark_with_its_effect_or_not_at_all(place: Place) {
    let store = open(&place).await;
    let mark = Mark { id: [1; 16], hash: [2; 32] };
    assert_eq!(store.request(&mark.id).await.unwrap(), None);
    let told = marked(mark, stamp(1));
    store.tell("test.told", &About::of(REALM, "x"), &told).await.unwrap();
    assert_eq!(store.request(&mark.id).await.unwrap(), Some([2; 32]));
    let again = marked(Mark { hash: [3; 32], ..mark }, told);
    assert!(store.tell("test.told", &About::of(REALM, "x"), &again).await.is_err(), "one stamp is one row");
    assert_eq!(store.request(&mark.id).await.unwrap(), Some([2; 32]), "the first body stays");
}

crate::support::everywhere!(
    what_is_past_its_time_is_forgotten_in_its_realm_and_nothing_else,
    an_erased_user_is_nowhere_and_what_happened_still_counts,
    users_are_found_as_asked_and_pages_leave_nobody_out,
    a_key_has_what_its_role_has_now_and_a_role_in_use_stays,
    a_keyed_request_leaves_its_mark_with_its_effect_or_not_at_all
);
