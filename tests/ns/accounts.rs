//! Accounts that are blocked or deleted, and connections that are displaced.

use countersign_api::{AccountState, LoginState};
use countersign_sdk::{Close, Command, Ended, Event};
use countersign_sim::PhoneError;

use crate::support::{Pod, Stage, code};

#[tokio::test]
async fn blocking_closes_the_session_refuses_what_it_claimed_and_ends_what_it_approved() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let mut online = phone.connect().await;
    let approved = stage.approved(&mut online).await;
    let (claimed, _) = stage.claimed(&mut online).await;
    stage.root.set_blocked(&stage.realm, &phone.account.id, true).await.unwrap();
    loop {
        match online.next().await.unwrap() {
            Event::Over(why) => break assert_eq!(why, Ended::Server(Close::Blocked)),
            Event::LoginChanged { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    for (login, state) in [(&approved, LoginState::Ended), (&claimed, LoginState::Refused)] {
        let seen = stage.look(login).await;
        assert_eq!((seen.state, seen.reason.as_deref()), (state, Some("account_blocked")));
    }
    assert!(matches!(phone.try_connect().await.map(drop), Err(PhoneError::Closed(Close::Blocked))));
    stage.root.set_blocked(&stage.realm, &phone.account.id, false).await.unwrap();
    stage.approved(&mut phone.connect().await).await;
}

#[tokio::test]
async fn a_login_approved_before_the_block_cannot_be_redeemed_after_it() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let login = stage.approved(&mut phone.connect().await).await;
    stage.root.set_blocked(&stage.realm, &phone.account.id, true).await.unwrap();
    assert_eq!(code(stage.api.redeem(&stage.realm, &login.id, None).await), "not_approved");
}

#[tokio::test]
async fn a_deleted_account_is_gone_for_phone_and_client() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let mut online = phone.connect().await;
    stage.root.delete_account(&stage.realm, &phone.account.id).await.unwrap();
    assert_eq!(online.next().await.unwrap(), Event::Over(Ended::Server(Close::Deleted)));
    assert!(matches!(phone.try_connect().await.map(drop), Err(PhoneError::Closed(Close::Deleted))));
    assert_eq!(code(stage.api.account(&stage.realm, &phone.account.id).await), "not_found");
    assert_eq!(code(stage.root.set_blocked(&stage.realm, &phone.account.id, false).await), "not_found");
    let again = stage.phone("alice").await;
    assert_eq!(
        stage
            .api
            .accounts(&stage.realm, "alice")
            .await
            .unwrap()
            .iter()
            .map(|a| (a.id.clone(), a.state))
            .collect::<Vec<_>>(),
        [(again.account.id, AccountState::Active)]
    );
}

#[tokio::test]
async fn the_newest_connection_of_an_account_wins_and_the_older_one_is_told() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let mut older = phone.connect().await;
    for _ in 0..5 {
        let newer = phone.connect().await;
        assert_eq!(older.next().await.unwrap(), Event::Over(Ended::Server(Close::Displaced)));
        older = newer;
    }
    assert!(
        stage.api.account(&stage.realm, &phone.account.id).await.unwrap().online,
        "the older ones did not unregister the newest"
    );
    stage.approved(&mut older).await;
}

#[tokio::test]
async fn one_phone_serves_several_accounts_of_several_realms_side_by_side() {
    let pod = Pod::start();
    let (one, two) = (Stage::set(&pod).await, Stage::set(&pod).await);
    let (a, b, c) = (one.phone("alice").await, one.phone("alice2").await, two.phone("alice").await);
    let (mut a, mut b, mut c) = (a.connect().await, b.connect().await, c.connect().await);
    one.approved(&mut a).await;
    one.approved(&mut b).await;
    two.approved(&mut c).await;
}

#[tokio::test]
async fn another_account_can_neither_decide_nor_end_a_login_it_did_not_claim() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let (mut alice, mut mallory) =
        (stage.phone("alice").await.connect().await, stage.phone("mallory").await.connect().await);
    let (login, prompt) = stage.claimed(&mut alice).await;
    let unknown = |r: Result<_, PhoneError>| {
        matches!(r, Err(PhoneError::Refused(countersign_sdk::Refusal::UnknownLogin)))
    };
    assert!(unknown(mallory.do_it(&Command::approve(&prompt)).await));
    alice.do_it(&Command::approve(&prompt)).await.unwrap();
    assert!(unknown(mallory.do_it(&Command::logout(login.id.parse().unwrap())).await));
    assert_eq!(stage.look(&login).await.state, LoginState::Approved);
}
