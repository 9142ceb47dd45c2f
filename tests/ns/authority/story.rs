//! "I lost my only phone", as docs/API.md describes it; and how a user's other phones are notified
//! of a new one.

use countersign_api::{AccountState, Confirm, roles};
use countersign_sdk::{AccountState as State, Answer, Command, Event};

use super::Hands;
use crate::support::{Phone, Pod, Stage, code};

#[tokio::test]
async fn who_lost_their_only_phone_gets_another_by_two_pairs_of_hands_and_everybody_can_see_it() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let realm = stage.realm.as_str();
    let lost = stage.phone("alice").await;
    let desk = Hands::of(&stage, roles::HELP_DESK).await.keys.remove(0);
    let admin = Hands::of(&stage, roles::REALM_ADMIN).await.keys.remove(0);
    desk.block_account(realm, &lost.account.id).await.unwrap();
    let new = countersign_api::NewEnrolment::new("alice".into(), Confirm::Admin);
    let invitation = desk.create_enrolment(realm, &new).await.unwrap();
    let (phone, _) = Phone::enrol(invitation.link.as_ref().unwrap()).await.unwrap();
    assert_eq!(code(desk.admit_enrolment(realm, &invitation.id).await), "forbidden");
    admin.admit_enrolment(realm, &invitation.id).await.unwrap();

    let mut online = phone.connect().await;
    let login = stage.approved(&mut online).await;
    let identity = stage.api.redeem(realm, &login.id, None).await.unwrap().origin;
    let (by_desk, by_admin) = (desk.own_api_key().await.unwrap(), admin.own_api_key().await.unwrap());
    assert_eq!(identity.enrolled_client, by_desk.client);
    assert_eq!(identity.enrolled_by, Some(format!("key:{}", by_desk.id)));
    assert_eq!(identity.confirmed_by, Some(format!("key:{}", by_admin.id)));
    assert_eq!(identity.confirmed_way, Some(Confirm::Admin));
    assert!(identity.recovered_at.is_some() && identity.recovered_at == identity.confirmed_at);
    let account = stage.api.account(realm, &phone.account.id).await.unwrap();
    assert_eq!((account.state, account.origin), (AccountState::Active, identity.clone()));
    let export = stage.root.export_user(realm, "alice").await.unwrap();
    assert!(export.accounts.iter().any(|a| a.origin == identity));
    let told: Vec<_> = stage.root.events(realm, &[("user_id", "alice")]).await.unwrap().items;
    assert!(told.iter().any(|e| e.action == "alert.recovered" && e.object == phone.account.id));
    let confirmed = told.iter().rfind(|e| e.action == "enrolment.confirmed").unwrap().detail.clone().unwrap();
    let confirmed: serde_json::Value = serde_json::from_str(&confirmed).unwrap();
    assert_eq!((&confirmed["recovered"], &confirmed["way"]), (&true.into(), &"admin".into()));
    // Admitting a phone does not count as taking one away from a user.
    let first = stage.phone("bob").await;
    let plain = stage.api.account(realm, &first.account.id).await.unwrap().origin;
    assert_eq!((plain.recovered_at, plain.confirmed_by.as_deref()), (None, Some("phone")));
}

#[tokio::test]
async fn an_old_phone_that_was_away_is_told_of_new_ones_when_it_connects_until_it_has_seen_the_list() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let old = stage.phone("alice").await;
    let new = [stage.further_phone("alice").await, stage.further_phone("alice").await];
    for _ in 0..2 {
        let mut online = old.connect().await;
        let mut told = Vec::new();
        for _ in &new {
            let Event::DeviceChanged(device) = online.next().await.unwrap() else { panic!("news") };
            assert_eq!(device.state, State::Active);
            told.push(device.account.to_string());
        }
        told.sort();
        let mut wanted = new.each_ref().map(|p| p.account.id.clone());
        wanted.sort();
        assert_eq!(told, wanted, "each time, as long as nobody has looked");
    }
    let mut online = old.connect().await;
    while !matches!(online.do_it(&Command::devices()).await.unwrap(), Answer::Devices(all) if all.len() == 3)
    {
    }
    let mut online = old.connect().await;
    stage.root.set_blocked(&stage.realm, &new[0].account.id, true).await.unwrap();
    let Event::DeviceChanged(device) = online.next().await.unwrap() else { panic!("news") };
    assert_eq!(device.state, State::Blocked, "the first it hears is what happens now");
}
