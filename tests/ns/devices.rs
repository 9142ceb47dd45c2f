//! Several phones of one user, phones that vouch for new ones, apps and their versions.

use countersign_api::{AccountState, Confirm, EnrolmentState, LoginState, PutApp, RealmSettings};
use countersign_sdk::{AccountId, Answer, Close, Command, Device, DeviceAction, Event, NewPhone, Refusal};
use countersign_sim::{Online, PhoneError};

use crate::support::{Phone, Pod, Stage, code};

async fn devices(online: &mut Online) -> Vec<Device> {
    match online.do_it(&Command::devices()).await.unwrap() {
        Answer::Devices(all) => all,
        other => panic!("{other:?}"),
    }
}

async fn new_phones(online: &mut Online) -> Vec<NewPhone> {
    match online.do_it(&Command::enrolments()).await.unwrap() {
        Answer::NewPhones(all) => all,
        other => panic!("{other:?}"),
    }
}

async fn changed(online: &mut Online) -> Device {
    loop {
        if let Event::DeviceChanged(device) = online.next().await.unwrap() {
            return device;
        }
    }
}

fn id(phone: &Phone) -> AccountId {
    phone.account.id.parse().unwrap()
}

fn refused<T: std::fmt::Debug>(result: Result<T, PhoneError>, why: Refusal) {
    assert!(matches!(&result, Err(PhoneError::Refused(code)) if *code == why), "{result:?}");
}

#[tokio::test]
async fn the_other_phones_of_a_user_are_told_of_a_new_one_and_of_what_becomes_of_it() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let first = stage.phone("alice").await;
    let mut old = first.connect().await;
    let second = stage.phone("alice").await;
    let told = changed(&mut old).await;
    assert_eq!((told.account, told.state), (id(&second), countersign_sdk::AccountState::Active));
    stage.phone("bob").await;
    assert_eq!(
        devices(&mut old).await.iter().map(|d| d.account).collect::<Vec<_>>(),
        [id(&first), id(&second)],
        "bob's is not among them"
    );
    stage.root.set_blocked(&stage.realm, &second.account.id, true).await.unwrap();
    assert_eq!(changed(&mut old).await.state, countersign_sdk::AccountState::Blocked);
    stage.root.delete_account(&stage.realm, &second.account.id).await.unwrap();
    assert_eq!(changed(&mut old).await.state, countersign_sdk::AccountState::Deleted);
    assert_eq!(devices(&mut old).await.len(), 1);
}

#[tokio::test]
async fn a_phone_renames_blocks_unblocks_and_deletes_its_users_phones() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let (first, lost) = (stage.phone("alice").await, stage.phone("alice").await);
    let (mut me, mut thief) = (first.connect().await, lost.connect().await);
    let running = stage.approved(&mut thief).await;
    me.do_it(&Command::manage(id(&lost), DeviceAction::Rename, Some("left in the train"))).await.unwrap();
    assert_eq!(stage.api.account(&stage.realm, &lost.account.id).await.unwrap().device, "left in the train");
    me.do_it(&Command::manage(id(&lost), DeviceAction::Block, None)).await.unwrap();
    assert_eq!(stage.look(&running).await.state, LoginState::Ended, "what it approved ends");
    assert!(matches!(lost.try_connect().await, Err(PhoneError::Closed(Close::Blocked))));
    let there = stage.api.account(&stage.realm, &lost.account.id).await.unwrap();
    assert_eq!(
        (there.state, there.blocked_by),
        (AccountState::Blocked, Some(format!("account:{}", first.account.id)))
    );
    me.do_it(&Command::manage(id(&lost), DeviceAction::Unblock, None)).await.unwrap();
    lost.connect().await;
    me.do_it(&Command::manage(id(&lost), DeviceAction::Delete, None)).await.unwrap();
    assert!(matches!(lost.try_connect().await, Err(PhoneError::Closed(Close::Deleted))));
    refused(me.do_it(&Command::manage(id(&lost), DeviceAction::Unblock, None)).await, Refusal::UnknownLogin);
    me.do_it(&Command::manage(id(&first), DeviceAction::Delete, None)).await.ok();
    assert!(
        matches!(first.try_connect().await, Err(PhoneError::Closed(Close::Deleted))),
        "a phone may delete itself"
    );
}

#[tokio::test]
async fn a_phone_does_nothing_to_other_users_phones_nor_against_an_administrator() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let (alice, second, bob) =
        (stage.phone("alice").await, stage.phone("alice").await, stage.phone("bob").await);
    let mut me = alice.connect().await;
    for action in [DeviceAction::Block, DeviceAction::Unblock, DeviceAction::Delete] {
        refused(me.do_it(&Command::manage(id(&bob), action, None)).await, Refusal::UnknownLogin);
    }
    refused(
        me.do_it(&Command::manage(id(&bob), DeviceAction::Rename, Some("mine"))).await,
        Refusal::UnknownLogin,
    );
    for (action, name) in [
        (DeviceAction::Rename, None),
        (DeviceAction::Rename, Some("\u{202e}")),
        (DeviceAction::Block, Some("x")),
    ] {
        refused(me.do_it(&Command::manage(id(&second), action, name)).await, Refusal::NotAllowed);
    }
    stage.root.set_blocked(&stage.realm, &second.account.id, true).await.unwrap();
    refused(me.do_it(&Command::manage(id(&second), DeviceAction::Unblock, None)).await, Refusal::NotAllowed);
    bob.connect().await;
}

#[tokio::test]
async fn a_phone_nobody_has_let_in_yet_sees_and_ends_nothing() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let login = stage.approved(&mut stage.phone("alice").await.connect().await).await;
    let (new, ..) = knocking(&stage).await;
    let mut new = new.connect().await;
    refused(new.do_it(&Command::devices()).await.map(|_| ()), Refusal::AccountPending);
    refused(new.do_it(&Command::enrolments()).await.map(|_| ()), Refusal::AccountPending);
    refused(new.do_it(&Command::logout_all()).await.map(|_| ()), Refusal::AccountPending);
    assert_eq!(stage.look(&login).await.state, LoginState::Approved);
}

#[tokio::test]
async fn an_administrators_block_on_top_of_a_phones_stays_and_changes_are_counted() {
    let pod = Pod::start();
    let limits = countersign_api::Limits {
        initiator: Some(countersign_api::Limit { most: 8, secs: 600 }),
        ..countersign_api::Limits::default()
    };
    let stage = Stage::strict(&pod, RealmSettings { limits: Some(limits), ..RealmSettings::default() }).await;
    let (alice, second) = (stage.phone("alice").await, stage.phone("alice").await);
    let mut me = alice.connect().await;
    me.do_it(&Command::manage(id(&second), DeviceAction::Block, None)).await.unwrap();
    stage.root.set_blocked(&stage.realm, &second.account.id, true).await.unwrap();
    refused(me.do_it(&Command::manage(id(&second), DeviceAction::Unblock, None)).await, Refusal::NotAllowed);
    for _ in 0..6 {
        me.do_it(&Command::logout_all()).await.unwrap();
    }
    refused(
        me.do_it(&Command::manage(id(&second), DeviceAction::Rename, Some("again"))).await,
        Refusal::RateLimited,
    );
    let rows = stage.root.events(&stage.realm, &[("action", "user.logged_out")]).await.unwrap().items;
    assert_eq!(rows.len(), 0, "what ends nothing is not told");
}

/// Enrols a phone of Alice that waits for her old one to vouch for it. Returns it with the number
/// it shows and the enrolment's id.
async fn knocking(stage: &Stage) -> (Phone, String, String) {
    let enrolment = stage.new_enrolment("alice", Confirm::Phone).await;
    let (phone, number) = Phone::enrol(enrolment.link.as_ref().unwrap()).await.unwrap();
    (phone, number.unwrap(), enrolment.id)
}

#[tokio::test]
async fn an_old_phone_lets_a_new_one_in_with_the_number_it_shows() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut old = stage.phone("alice").await.connect().await;
    let (new, number, enrolment) = knocking(&stage).await;
    assert!(matches!(old.next().await.unwrap(), Event::EnrolmentWaiting { enrolment: e,
            .. } if e.to_string() == enrolment));
    let waiting = new_phones(&mut old).await;
    assert!(waiting.len() == 1 && waiting[0].enrolment.to_string() == enrolment, "{waiting:?}");
    refused(new.connect().await.do_it(&Command::enrolments()).await, Refusal::AccountPending);
    assert_eq!(
        code(stage.api.confirm_enrolment(&stage.realm, &enrolment, &number).await),
        "not_allowed",
        "only a phone may"
    );
    assert_eq!(code(stage.root.admit_enrolment(&stage.realm, &enrolment).await), "not_allowed");
    let mut bob = stage.phone("bob").await.connect().await;
    refused(bob.do_it(&Command::vouch(&waiting[0], Some(&number))).await, Refusal::UnknownLogin);
    old.do_it(&Command::vouch(&waiting[0], Some(&number))).await.unwrap();
    let there = stage.api.enrolment(&stage.realm, &enrolment, 0, 0).await.unwrap();
    let word = countersign_protocol::vouch::parse(there.approval.as_ref().unwrap()).unwrap().claims;
    assert_eq!(
        (there.state, word.number),
        (EnrolmentState::Confirmed, Some(number)),
        "the old phone's word is kept"
    );
    assert_eq!(new.connect().await.account_state, countersign_sdk::AccountState::Active);
    refused(old.do_it(&Command::vouch(&waiting[0], None)).await, Refusal::AlreadyDecided);
}

#[tokio::test]
async fn a_new_phone_is_turned_away_by_a_no_and_by_three_wrong_numbers() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut old = stage.phone("alice").await.connect().await;
    let (first, _, _) = knocking(&stage).await;
    let waiting = new_phones(&mut old).await;
    old.do_it(&Command::vouch(&waiting[0], None)).await.unwrap();
    assert!(matches!(first.try_connect().await, Err(PhoneError::Closed(Close::Deleted))));
    let (second, number, _) = knocking(&stage).await;
    let waiting = new_phones(&mut old).await;
    let wrong = if number == "0000" { "0001" } else { "0000" };
    for _ in 0..3 {
        refused(old.do_it(&Command::vouch(&waiting[0], Some(wrong))).await, Refusal::WrongNumber);
    }
    refused(old.do_it(&Command::vouch(&waiting[0], Some(&number))).await, Refusal::AlreadyDecided);
    assert!(matches!(second.try_connect().await, Err(PhoneError::Closed(Close::Deleted))));
}

#[tokio::test]
async fn a_realm_says_how_phones_may_become_active() {
    let pod = Pod::start();
    let stage = Stage::strict(
        &pod,
        RealmSettings {
            enrolment_confirm: Some(vec![Confirm::Admin, Confirm::Phone]),
            ..RealmSettings::default()
        },
    )
    .await;
    let new = |confirm| countersign_api::NewEnrolment::new("alice".into(), confirm);
    for confirm in [Confirm::None, Confirm::Number] {
        assert_eq!(
            code(stage.api.create_enrolment(&stage.realm, &new(confirm)).await),
            "confirm_not_allowed"
        );
    }
    assert_eq!(
        code(stage.api.create_enrolment(&stage.realm, &new(Confirm::Phone)).await),
        "confirm_not_allowed",
        "she has no phone yet"
    );
    let enrolment = stage.new_enrolment("alice", Confirm::Admin).await;
    assert_eq!(code(stage.root.admit_enrolment(&stage.realm, &enrolment.id).await), "not_redeemed");
    let (phone, number) = Phone::enrol(enrolment.link.as_ref().unwrap()).await.unwrap();
    assert_eq!((number, phone.connect().await.account_state), (None, countersign_sdk::AccountState::Pending));
    assert_eq!(
        code(stage.api.admit_enrolment(&stage.realm, &enrolment.id).await),
        "forbidden",
        "a client is no administrator"
    );
    stage.root.admit_enrolment(&stage.realm, &enrolment.id).await.unwrap();
    assert_eq!(phone.connect().await.account_state, countersign_sdk::AccountState::Active);
}

#[tokio::test]
async fn apps_that_are_not_listed_or_too_old_stay_out_where_the_realm_says_so() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let early = stage.phone("alice").await;
    let only = RealmSettings { listed_apps_only: Some(true), ..RealmSettings::default() };
    let change = countersign_api::ChangeRealm { settings: only, ..countersign_api::ChangeRealm::default() };
    stage.root.change_realm(&stage.realm, &change).await.unwrap();
    assert!(matches!(early.try_connect().await, Err(PhoneError::Closed(Close::Update))));
    let enrolment = stage.new_enrolment("bob", Confirm::None).await;
    let link = enrolment.link.as_ref().unwrap();
    assert!(
        matches!(Phone::enrol(link).await.map(|_| ()), Err(PhoneError::Refused(Refusal::NotAllowed))),
        "not listed"
    );
    let app = "countersign-phone";
    let put = |version: Option<&str>| PutApp {
        display_name: "The virtual phone".into(),
        min_version: version.map(str::to_owned),
        sfs: Vec::new(),
    };
    stage.root.put_app(&stage.realm, app, &put(Some("99.1"))).await.unwrap();
    assert!(matches!(early.try_connect().await, Err(PhoneError::Closed(Close::Update))));
    assert!(
        matches!(Phone::enrol(link).await.map(|_| ()), Err(PhoneError::Refused(Refusal::NotAllowed))),
        "too old"
    );
    stage.root.put_app(&stage.realm, app, &put(Some("0.1"))).await.unwrap();
    early.connect().await;
    let (late, _) = Phone::enrol(link).await.expect("the code was not used up");
    let account = stage.api.account(&stage.realm, &late.account.id).await.unwrap();
    assert_eq!(
        (account.app.as_str(), account.app_version.as_deref()),
        (app, Some(env!("CARGO_PKG_VERSION")))
    );
    assert_eq!(code(stage.root.put_app(&stage.realm, app, &put(Some("v2"))).await), "invalid");
}
