//! Enrolments.

use std::sync::Arc;

use countersign_api::{AccountState, Confirm, EnrolmentState};
use countersign_channel::random;
use countersign_sdk::{Event, KeyStore, Link, Refusal, ReqId};
use countersign_sim::{MemoryKeys, Online, PhoneError};

use crate::{
    stories,
    support::{Page, Phone, Pod, Stage, claim, code},
};

#[tokio::test]
async fn a_phone_becomes_active_when_its_number_is_typed_where_the_enrolment_was_made() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let enrolment = stage.new_enrolment("alice", Confirm::Number).await;
    let (api, realm, id) = (stage.api.clone(), stage.realm.clone(), enrolment.id.clone());
    let waiting = tokio::spawn(async move { api.enrolment(&realm, &id, 30, 1).await });
    assert_eq!(code(stage.api.confirm_enrolment(&stage.realm, &enrolment.id, "0000").await), "not_redeemed");
    let (phone, number) = Phone::enrol(enrolment.link.as_ref().unwrap()).await.unwrap();
    let number = number.unwrap();
    assert!(number.len() == 4 && number.bytes().all(|b| b.is_ascii_digit()), "{number}");
    let redeemed = waiting.await.unwrap().unwrap();
    assert_eq!(
        (redeemed.state, redeemed.device.as_deref(), redeemed.account_id.as_deref()),
        (EnrolmentState::Redeemed, Some("test phone"), Some(phone.account.id.as_str()))
    );

    let mut online = phone.connect().await;
    let login = stage.new_login().await;
    let early = claim(&mut online, &Page::open(&login).await.qr().await).await;
    assert!(matches!(early, Err(PhoneError::Refused(Refusal::AccountPending))), "{early:?}");
    let wrong = if number == "0000" { "0001" } else { "0000" };
    assert_eq!(code(stage.api.confirm_enrolment(&stage.realm, &enrolment.id, wrong).await), "wrong_number");
    let confirmed = stage.api.confirm_enrolment(&stage.realm, &enrolment.id, &number).await.unwrap();
    assert_eq!((confirmed.state, confirmed.v), (EnrolmentState::Confirmed, 3));
    assert_eq!(online.next().await.unwrap(), Event::AccountChanged(countersign_sdk::AccountState::Active));
    claim(&mut online, &Page::open(&login).await.qr().await).await.unwrap();
}

#[tokio::test]
async fn a_code_makes_one_account() {
    stories::a_code_makes_one_account(&Pod::start()).await;
}

#[tokio::test]
async fn of_two_phones_that_race_for_one_code_one_enrols() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    for user in ["alice", "bob", "carol", "dave", "erin"] {
        let enrolment = stage.new_enrolment(user, Confirm::None).await;
        let link = enrolment.link.as_ref().unwrap();
        let (one, two) = tokio::join!(Phone::enrol(link), Phone::enrol(link));
        let refused =
            |r: &Result<_, PhoneError>| matches!(r, Err(PhoneError::Refused(Refusal::BadEnrolment)));
        assert!(one.is_ok() && refused(&two) || two.is_ok() && refused(&one), "exactly one of two wins");
        assert_eq!(stage.api.accounts(&stage.realm, user).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_lost_answer_is_had_again_with_the_same_key_and_request() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let enrolment = stage.new_enrolment("alice", Confirm::Number).await;
    let Link::Enrol(link) = Link::parse(enrolment.link.as_ref().unwrap()).unwrap() else {
        panic!("an enrolment link")
    };
    let keys = MemoryKeys::default();
    let (key, req_id) = (keys.generate().unwrap(), ReqId(random()));
    let first = Online::enrol(&link, Arc::new(keys.clone()), key.clone(), req_id, "x").await.unwrap();
    let again = Online::enrol(&link, Arc::new(keys.clone()), key.clone(), req_id, "x").await.unwrap();
    assert_eq!((first.account.id, first.number), (again.account.id, again.number));
    let other_request =
        Online::enrol(&link, Arc::new(keys), key, ReqId(random()), "x").await.map(|e| e.number);
    assert!(matches!(other_request, Err(PhoneError::Refused(Refusal::BadEnrolment))));
}

#[tokio::test]
async fn three_wrong_numbers_end_the_enrolment_and_its_account() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let enrolment = stage.new_enrolment("alice", Confirm::Number).await;
    let (phone, number) = Phone::enrol(enrolment.link.as_ref().unwrap()).await.unwrap();
    let number = number.unwrap();
    for _ in 0..3 {
        let wrong = if number == "0000" { "0001" } else { "0000" };
        assert_eq!(
            code(stage.api.confirm_enrolment(&stage.realm, &enrolment.id, wrong).await),
            "wrong_number"
        );
    }
    assert_eq!(
        code(stage.api.confirm_enrolment(&stage.realm, &enrolment.id, &number).await),
        "already_decided"
    );
    assert_eq!(
        stage.api.enrolment(&stage.realm, &enrolment.id, 0, 0).await.unwrap().state,
        EnrolmentState::Refused
    );
    assert!(matches!(
        phone.try_connect().await.map(drop),
        Err(PhoneError::Closed(countersign_sdk::Close::Deleted))
    ));
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn an_expired_or_unknown_code_is_refused_and_an_unconfirmed_account_goes_with_its_enrolment() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let (unused, unconfirmed) = (
        stage.new_enrolment("alice", Confirm::Number).await,
        stage.new_enrolment("bob", Confirm::Number).await,
    );
    let (bob, _) = Phone::enrol(unconfirmed.link.as_ref().unwrap()).await.unwrap();
    pod.later(601).await;
    let late = Phone::enrol(unused.link.as_ref().unwrap()).await.map(drop);
    assert!(matches!(late, Err(PhoneError::Closed(countersign_sdk::Close::AuthFailed))), "{late:?}");
    assert_eq!(
        stage.api.enrolment(&stage.realm, &unconfirmed.id, 0, 0).await.unwrap().state,
        EnrolmentState::Expired
    );
    assert!(matches!(
        bob.try_connect().await.map(drop),
        Err(PhoneError::Closed(countersign_sdk::Close::Deleted))
    ));
    assert!(stage.api.accounts(&stage.realm, "bob").await.unwrap().is_empty());
}

#[tokio::test]
async fn an_account_without_confirmation_is_active_at_once() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let account = stage.api.account(&stage.realm, &phone.account.id).await.unwrap();
    assert_eq!(
        (account.state, account.user_id.as_str(), account.device.as_str(), account.online),
        (AccountState::Active, "alice", "test phone", false)
    );
    let _online = phone.connect().await;
    assert!(stage.api.account(&stage.realm, &phone.account.id).await.unwrap().online);
}

#[tokio::test]
async fn who_deletes_a_user_or_an_account_ends_the_enrolments_that_lead_there() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let unused = stage.new_enrolment("alice", Confirm::None).await;
    stage.root.delete_user(&stage.realm, "alice").await.unwrap();
    let again = stage.new_enrolment("alice", Confirm::None).await;
    let old = Phone::enrol(unused.link.as_ref().unwrap()).await.map(drop);
    assert!(
        matches!(old, Err(PhoneError::Closed(countersign_sdk::Close::AuthFailed))),
        "the new alice is somebody else: {old:?}"
    );
    Phone::enrol(again.link.as_ref().unwrap()).await.unwrap();

    let unconfirmed = stage.new_enrolment("bob", Confirm::Number).await;
    let (bob, number) = Phone::enrol(unconfirmed.link.as_ref().unwrap()).await.unwrap();
    stage.root.delete_account(&stage.realm, &bob.account.id).await.unwrap();
    let late = stage.api.confirm_enrolment(&stage.realm, &unconfirmed.id, &number.unwrap()).await;
    assert_eq!(code(late), "already_decided");
    assert_eq!(
        stage.api.enrolment(&stage.realm, &unconfirmed.id, 0, 0).await.unwrap().state,
        EnrolmentState::Cancelled
    );
}
