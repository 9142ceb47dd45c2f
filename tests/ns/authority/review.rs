//! Findings of a review of the rules of authority, each as it was tried.

use countersign_api::{
    ChangeApiKey, ChangeRealm, Confirm, FurtherPhones, NewApiKey, NewEnrolment, NewLogin, Permission as P,
    PutHold, PutRole, RealmSettings, roles,
};
use countersign_sdk::{AccountId, Answer, Command, DeviceAction, Event, RefuseReason};
use countersign_sim::Online;

use super::Hands;
use crate::support::{Key, Page, Phone, Pod, Stage, claim, code};

fn settings(settings: RealmSettings) -> ChangeRealm {
    ChangeRealm { settings, ..ChangeRealm::default() }
}

async fn listed(phone: &mut Online) -> Vec<AccountId> {
    match phone.do_it(&Command::devices()).await.unwrap() {
        Answer::Devices(all) => all.into_iter().map(|d| d.account).collect(),
        other => panic!("{other:?}"),
    }
}

fn id(phone: &Phone) -> AccountId {
    phone.account.id.parse().unwrap()
}

#[tokio::test]
async fn invitations_that_nobody_confirms_hide_no_phone_from_a_users_own() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let own = stage.phone("alice").await;
    for _ in 0..55 {
        let waits = stage.new_enrolment("alice", Confirm::Admin).await;
        Phone::enrol(waits.link.as_ref().unwrap()).await.unwrap();
    }
    let thief = stage.further_phone("alice").await;
    let mut online = own.connect().await;
    let Event::DeviceChanged(told) = online.next().await.unwrap() else { panic!("news") };
    assert_eq!(told.account, id(&thief));
    let all = listed(&mut online).await;
    assert!(all.len() == 50 && all.contains(&id(&thief)) && all.contains(&id(&own)));
    let export = stage.root.export_user(&stage.realm, "alice").await.unwrap();
    assert_eq!(export.accounts.len(), 57);
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn a_phone_that_an_administrator_let_in_washes_nothing_off_and_rules_no_other_for_a_day() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let realm = stage.realm.as_str();
    let own = stage.phone("bob").await;
    let admin = Hands::of(&stage, roles::REALM_ADMIN).await.keys.remove(0);
    let admitted = async |by: &countersign_api::ApiClient| {
        let invitation = stage.new_enrolment("bob", Confirm::Admin).await;
        let (phone, _) = Phone::enrol(invitation.link.as_ref().unwrap()).await.unwrap();
        by.admit_enrolment(realm, &invitation.id).await.map(|_| phone)
    };
    let first = admitted(&admin).await.unwrap();
    let vouched = async || {
        let invitation = stage.new_enrolment("bob", Confirm::Phone).await;
        let (phone, number) = Phone::enrol(invitation.link.as_ref().unwrap()).await.unwrap();
        let mut online = first.connect().await;
        let Answer::NewPhones(waiting) = online.do_it(&Command::enrolments()).await.unwrap() else {
            panic!("new phones")
        };
        let new = waiting.into_iter().find(|n| n.enrolment.to_string() == invitation.id).unwrap();
        online.do_it(&Command::vouch(&new, number.as_deref())).await.map(|_| phone)
    };
    assert!(vouched().await.is_err(), "not so soon");
    let mut online = first.connect().await;
    for action in [DeviceAction::Block, DeviceAction::Delete] {
        assert!(online.do_it(&Command::manage(id(&own), action, None)).await.is_err(), "{action:?}");
    }
    pod.later(86_401).await;
    let second = vouched().await.unwrap();
    let origin = stage.api.account(realm, &second.account.id).await.unwrap().origin;
    assert!(origin.recovered_at.is_some(), "it is as much bob's own as the one that let it in");
    let mut online = first.connect().await;
    online.do_it(&Command::manage(id(&own), DeviceAction::Delete, None)).await.unwrap();
    assert_eq!(
        code(admitted(&admin).await.map(drop)),
        "same_hands",
        "it took bob's phone away in the administrator's name"
    );
    let other = Hands::of(&stage, roles::REALM_ADMIN).await.keys.remove(0);
    admitted(&other).await.unwrap();
}

#[tokio::test]
async fn nobody_makes_an_administrator_of_a_key_in_other_hands() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let realm = stage.realm.as_str();
    let phone = stage.phone("alice").await;
    let (desk, admin) = (
        Hands::of(&stage, roles::HELP_DESK).await.keys.remove(0),
        Hands::of(&stage, roles::REALM_ADMIN).await.keys.remove(0),
    );
    desk.block_account(realm, &phone.account.id).await.unwrap();
    let desk_id = desk.own_api_key().await.unwrap().id;
    let change = |role: &str| ChangeApiKey { role: role.into() };
    let bare = NewApiKey { role: roles::HELP_DESK.into(), realm: Some(realm.into()), ..NewApiKey::default() };
    let unbound = Key::made(&stage.root, &bare).await;
    unbound.api.block_account(realm, &phone.account.id).await.unwrap();
    assert_eq!(code(admin.change_api_key(&unbound.id, &change(roles::REALM_ADMIN)).await), "forbidden");
    // Root may change it, and what the key did before still counts as its deed.
    stage.root.change_api_key(&unbound.id, &change(roles::REALM_ADMIN)).await.unwrap();
    stage.root.block_account(realm, &phone.account.id).await.unwrap();
    let blocked = stage.phone("bob").await;
    unbound.api.block_account(realm, &blocked.account.id).await.unwrap();
    let invitation = stage.new_enrolment("bob", Confirm::Admin).await;
    Phone::enrol(invitation.link.as_ref().unwrap()).await.unwrap();
    assert_eq!(code(unbound.api.admit_enrolment(realm, &invitation.id).await), "same_hands");
    // A change that changes nothing adds no event and moves no key into other hands.
    admin.change_api_key(&desk_id, &change(roles::HELP_DESK)).await.unwrap();
    let rows = stage.root.events(realm, &[("action", "api_key.changed")]).await.unwrap().items;
    assert_eq!(rows.len(), 1, "{rows:?}");
}

#[tokio::test]
async fn a_clients_feed_tells_neither_who_refused_nor_who_exists() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let realm = stage.realm.as_str();
    let new = NewApiKey {
        role: roles::CLIENT.into(),
        realm: Some(realm.into()),
        client: Some(stage.client().await),
        ..NewApiKey::default()
    };
    let client = Key::made(&stage.root, &new).await.api;
    let phone = stage.phone("carol").await;
    let mut online = phone.connect().await;
    let login = client.create_login(realm, &NewLogin::default()).await.unwrap();
    let prompt = claim(&mut online, &Page::open(&login).await.qr().await).await.unwrap();
    online.do_it(&Command::refuse(&prompt, RefuseReason::Declined)).await.unwrap();
    for user in ["carol", "nobody"] {
        for _ in 0..12 {
            client
                .create_login(realm, &NewLogin { to_user: Some(user.into()), ..NewLogin::default() })
                .await
                .unwrap();
        }
    }
    let told = client.events(realm, &[]).await.unwrap().items;
    let refused = told.iter().find(|e| e.action == "login.refused").unwrap();
    assert_eq!((refused.actor.as_str(), &refused.user_id), ("account", &None));
    let limits: Vec<_> =
        told.iter().filter(|e| e.action == "alert.limited").map(|e| e.object.as_str()).collect();
    assert_eq!(limits, ["carol", "nobody"], "alike for both, and without an account");
    assert!(
        told.iter().filter(|e| e.action.starts_with("enrolment.")).all(|e| e.detail.is_none()),
        "by whom is the registrar's to see"
    );
    // The same client enrolled Carol's phone, so its feed names the account in the events of its
    // own enrolment.
    let of_others: Vec<_> = told.iter().filter(|e| !e.action.starts_with("enrolment.")).collect();
    assert!(!format!("{of_others:?}").contains(&phone.account.id), "{of_others:?}");
    assert_eq!(code(client.events(realm, &[("user_id", "carol")]).await), "forbidden");
    let mine = stage.api.events(realm, &[("action", "login.refused")]).await.unwrap().items;
    assert_eq!(mine[0].user_id.as_deref(), Some("carol"), "a registrar looks at users");
}

#[tokio::test]
async fn a_hold_with_more_authority_takes_over_and_keeps_attributes_too() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let realm = stage.realm.as_str();
    let admin = Hands::of(&stage, roles::REALM_ADMIN).await.keys.remove(0);
    let attributes =
        |value: Option<&str>| [("iban".to_owned(), value.map(str::to_owned))].into_iter().collect();
    stage.phone("alice").await;
    stage.api.change_attributes(realm, "alice", &attributes(Some("DE00"))).await.unwrap();
    admin.put_hold(realm, "alice", &PutHold::default()).await.unwrap();
    let court = PutHold { reason: Some("court order".into()) };
    let taken = stage.root.put_hold(realm, "alice", &court).await.unwrap();
    assert_eq!(
        (taken.reason.as_deref(), taken.placed_by),
        (Some("court order"), format!("key:{}", stage.root.own_api_key().await.unwrap().id))
    );
    assert_eq!(code(admin.lift_hold(realm, "alice").await), "more_authority");
    for value in [None, Some("DE99")] {
        assert_eq!(code(stage.api.change_attributes(realm, "alice", &attributes(value)).await), "legal_hold");
    }
}

#[tokio::test]
async fn no_row_is_blinded_by_a_long_value_beside_it() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let admin = Hands::of(&stage, roles::REALM_ADMIN).await.keys.remove(0);
    let many = RealmSettings {
        enrolment_confirm: Some(vec![Confirm::Number; 3000]),
        further_phones: Some(FurtherPhones::Number),
        unclaimed_hours: Some(1),
        ..RealmSettings::default()
    };
    let now = admin.change_realm(&stage.realm, &settings(many)).await.unwrap().settings;
    assert_eq!(now.enrolment_confirm, Some(vec![Confirm::Number]));
    for action in ["realm.changed", "realm.retention_lowered"] {
        let told = stage.root.events(&stage.realm, &[("action", action)]).await.unwrap().items;
        assert!(
            told[0].detail.as_deref().unwrap().contains(r#""settings.further_phones":{"after":"number""#),
            "{action}"
        );
    }
}

#[tokio::test]
async fn whoever_gave_somebody_a_phone_does_not_make_it_be_forgotten_to_whom() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let realm = stage.realm.as_str();
    stage.phone("bob").await;
    let admin = Hands::of(&stage, roles::REALM_ADMIN).await.keys.remove(0);
    let invitation = stage.new_enrolment("bob", Confirm::Admin).await;
    Phone::enrol(invitation.link.as_ref().unwrap()).await.unwrap();
    admin.admit_enrolment(realm, &invitation.id).await.unwrap();
    assert_eq!(code(admin.erase_user(realm, "bob").await), "same_hands");
    let erased = stage.root.erase_user(realm, "bob").await.unwrap();
    let rows = stage
        .root
        .events(realm, &[("user_id", &erased.pseudonym), ("action", "enrolment.confirmed")])
        .await
        .unwrap()
        .items;
    let by = admin.own_api_key().await.unwrap().id;
    assert!(
        rows.iter().any(|e| e.detail.as_deref().is_some_and(|d| d.contains(&by))),
        "by whom it was let in stays: {rows:?}"
    );
}

#[tokio::test]
async fn a_role_is_deleted_and_a_realm_changed_only_by_whoever_may() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let realm = stage.realm.as_str();
    let permissions = vec![P::Accounts, P::Audit];
    stage.root.put_role(realm, "agents", &PutRole { permissions }).await.unwrap();
    let lesser = stage.key("lesser", &[P::Realm]).await.api;
    assert_eq!(code(lesser.delete_role(realm, "agents").await), "forbidden");
    let bound = stage.client_key("bound", &[P::Realm, P::Accounts, P::Audit]).await.api;
    let wider =
        settings(RealmSettings { further_phones: Some(FurtherPhones::Number), ..RealmSettings::default() });
    assert_eq!(
        code(bound.change_realm(realm, &wider).await),
        "forbidden",
        "it is the shop's, and the realm is not"
    );
    assert_eq!(code(bound.delete_role(realm, "agents").await), "forbidden");
    stage.root.delete_role(realm, "agents").await.unwrap();
    let told = stage.root.events(realm, &[("action", "role.deleted")]).await.unwrap().items;
    assert!(told[0].detail.as_deref().unwrap().contains(r#""before":["#), "what it allowed");
}

#[tokio::test]
async fn an_invitation_does_not_outlive_the_setting_that_allowed_it() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let (none, number) = (
        stage.new_enrolment("alice", Confirm::None).await,
        stage.new_enrolment("bob", Confirm::Number).await,
    );
    let (_, typed) = Phone::enrol(number.link.as_ref().unwrap()).await.unwrap();
    let admin =
        settings(RealmSettings { enrolment_confirm: Some(vec![Confirm::Admin]), ..RealmSettings::default() });
    stage.root.change_realm(&stage.realm, &admin).await.unwrap();
    assert!(Phone::enrol(none.link.as_ref().unwrap()).await.is_err());
    assert_eq!(
        code(stage.api.confirm_enrolment(&stage.realm, &number.id, &typed.unwrap()).await),
        "confirm_not_allowed"
    );
    let refused =
        stage.api.create_enrolment(&stage.realm, &NewEnrolment::new("carol".into(), Confirm::None)).await;
    assert_eq!(code(refused), "confirm_not_allowed");
}
