//! Findings of a second review of the rules of authority: requests that arrive late, and power that
//! grows unnoticed.

use countersign_api::{
    ChangeApiKey, ChangeRealm, Confirm, NewApiKey, NewEnrolment, Permission as P, PutHold, PutRole,
    RealmSettings, roles,
};
use countersign_sdk::{AccountState as State, Answer, Command, DeviceAction, Event};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Hands;
use crate::support::{Key, Phone, Pod, Stage, code};

/// Opens a connection and sends the head of a request and half of its body.
async fn half_a_request(pod: &Pod, secret: &str, path: &str, body: &str) -> tokio::net::TcpStream {
    let url = pod.url("rest");
    let host = url.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {secret}\r\nContent-Type: \
            application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(format!("{head}{}", &body[..length / 2]).as_bytes()).await.unwrap();
    stream
}

async fn answer(mut stream: tokio::net::TcpStream) -> String {
    let mut said = vec![0; 4096];
    let n = stream.read(&mut said).await.unwrap();
    String::from_utf8_lossy(&said[..n]).into_owned()
}

#[tokio::test]
async fn a_body_that_ends_after_its_key_was_deleted_does_nothing() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let stolen =
        Key::made(&stage.root, &NewApiKey { role: roles::ROOT.into(), ..NewApiKey::default() }).await;
    let body = r#"{"role":"root"}"#;
    let mut parked = half_a_request(&pod, &stolen.secret, "/v1/api-keys", body).await;
    let before = stage.root.api_keys().await.unwrap().items.len();
    stage.root.delete_api_key(&stolen.id).await.unwrap();
    parked.write_all(&body.as_bytes()[body.len() / 2..]).await.unwrap();
    let said = answer(parked).await;
    assert!(said.starts_with("HTTP/1.1 401"), "{said}");
    assert_eq!(stage.root.api_keys().await.unwrap().items.len(), before - 1);
}

#[tokio::test]
async fn a_body_that_never_ends_is_not_waited_for() {
    // The time also runs for the head, which must have arrived even where others work, too.
    let pod = Pod::with(&[], &[("COUNTERSIGN_HTTP_REQUEST_MS", "2500")]);
    let stage = Stage::set(&pod).await;
    let key = Key::made(&stage.root, &NewApiKey { role: roles::ROOT.into(), ..NewApiKey::default() }).await;
    let said = answer(half_a_request(&pod, &key.secret, "/v1/api-keys", r#"{"role":"root"}"#).await).await;
    assert!(said.starts_with("HTTP/1.1 400") && said.contains("in time"), "{said}");
}

#[tokio::test]
async fn a_role_gives_no_authority_to_a_key_that_other_hands_made() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let realm = stage.realm.as_str();
    let phone = stage.phone("alice").await;
    let admin = Hands::of(&stage, roles::REALM_ADMIN).await.keys.remove(0);
    let new = NewApiKey { role: roles::HELP_DESK.into(), realm: Some(realm.into()), ..NewApiKey::default() };
    let stolen = Key::made(&stage.root, &new).await;
    let little = vec![P::UsersRead, P::AccountsRead, P::AccountsBlock, P::Enrolments];
    let much = [little.clone(), vec![P::Realm]].concat();
    let role = |permissions: &[P]| PutRole { permissions: permissions.to_vec() };
    admin.put_role(realm, "desk2", &role(&little)).await.unwrap();
    admin.change_api_key(&stolen.id, &ChangeApiKey { role: "desk2".into() }).await.unwrap();
    assert_eq!(code(admin.put_role(realm, "desk2", &role(&much)).await), "forbidden");
    admin.block_account(realm, &phone.account.id).await.unwrap();
    let invitation = stage.new_enrolment("alice", Confirm::Admin).await;
    Phone::enrol(invitation.link.as_ref().unwrap()).await.unwrap();
    assert_eq!(code(stolen.api.admit_enrolment(realm, &invitation.id).await), "forbidden");
    // Administrators may extend a role whose keys they made themselves, and root may extend any
    // role.
    let own = NewApiKey { role: "desk3".into(), realm: Some(realm.into()), ..NewApiKey::default() };
    admin.put_role(realm, "desk3", &role(&little)).await.unwrap();
    admin.create_api_key(&own).await.unwrap();
    admin.put_role(realm, "desk3", &role(&much)).await.unwrap();
    stage.root.put_role(realm, "desk2", &role(&much)).await.unwrap();
}

#[tokio::test]
async fn a_phone_that_came_and_went_while_the_others_were_away_is_told_all_the_same() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let own = stage.phone("alice").await;
    let brief = stage.further_phone("alice").await;
    let mut thief = brief.connect().await;
    let id = brief.account.id.parse().unwrap();
    thief.do_it(&Command::manage(id, DeviceAction::Delete, None)).await.unwrap();
    let mut online = own.connect().await;
    let Event::DeviceChanged(told) = online.next().await.unwrap() else { panic!("news") };
    assert_eq!((told.account, told.state), (id, State::Deleted));
}

#[tokio::test]
async fn what_a_deleted_client_asked_for_goes_with_it() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let realm = stage.realm.as_str();
    let (open, shown) = (
        stage.new_enrolment("bob", Confirm::Number).await,
        stage.new_enrolment("carol", Confirm::Number).await,
    );
    let (phone, number) = Phone::enrol(shown.link.as_ref().unwrap()).await.unwrap();
    stage.root.delete_client(realm, &stage.client().await).await.unwrap();
    assert!(Phone::enrol(open.link.as_ref().unwrap()).await.is_err());
    assert_eq!(
        code(stage.root.confirm_enrolment(realm, &shown.id, &number.unwrap()).await),
        "already_decided"
    );
    assert_eq!(code(stage.root.account(realm, &phone.account.id).await), "not_found");
}

#[tokio::test]
async fn a_name_with_a_blank_behind_it_is_nobodys_on_every_database() {
    for database in crate::support::shared_databases() {
        let Some(shares) = crate::support::Shares::on(database) else { continue };
        let pod = shares.pod("pod");
        let stage = Stage::set(&pod).await;
        stage.phone("alice").await;
        for user in ["alice ", "alice\u{a0}", " alice"] {
            assert_eq!(code(stage.root.erase_user(&stage.realm, user).await), "not_found", "{user:?}");
            assert_eq!(code(stage.root.delete_user(&stage.realm, user).await), "not_found", "{user:?}");
            assert_eq!(code(stage.root.export_user(&stage.realm, user).await), "not_found", "{user:?}");
        }
        assert_eq!(stage.root.export_user(&stage.realm, "alice").await.unwrap().accounts.len(), 1);
    }
}

/// Connects a phone, and returns it with the new phone of this enrolment, which waits to be vouched
/// for.
#[cfg(feature = "faults")]
async fn waiting(phone: &Phone, enrolment: &str) -> (countersign_sim::Online, countersign_sdk::NewPhone) {
    let mut online = phone.connect().await;
    let Answer::NewPhones(waiting) = online.do_it(&Command::enrolments()).await.unwrap() else {
        panic!("new phones")
    };
    (online, waiting.into_iter().find(|n| n.enrolment.to_string() == enrolment).unwrap())
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn a_phone_an_administrator_let_in_stops_no_other_and_waits_as_long_as_it_was_told() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let realm = stage.realm.as_str();
    let own = stage.phone("bob").await;
    let admin = Hands::of(&stage, roles::REALM_ADMIN).await.keys.remove(0);
    let invitation = stage.new_enrolment("bob", Confirm::Admin).await;
    let (fresh, _) = Phone::enrol(invitation.link.as_ref().unwrap()).await.unwrap();
    admin.admit_enrolment(realm, &invitation.id).await.unwrap();
    // The administrator who admitted the phone shortens the wait to the minimum, an hour. That does
    // not apply to this phone any more.
    let short = RealmSettings { further_phone_secs: Some(3600), ..RealmSettings::default() };
    admin.change_realm(realm, &ChangeRealm { settings: short, ..ChangeRealm::default() }).await.unwrap();
    let next = stage.new_enrolment("bob", Confirm::Phone).await;
    Phone::enrol(next.link.as_ref().unwrap()).await.unwrap();
    let (mut online, new) = waiting(&fresh, &next.id).await;
    assert!(online.do_it(&Command::vouch(&new, None)).await.is_err(), "it does not turn phones away");
    assert!(
        online
            .do_it(&Command::manage(own.account.id.parse().unwrap(), DeviceAction::Rename, Some("Old")))
            .await
            .is_err()
    );
    pod.later(3601).await;
    let delete = Command::manage(own.account.id.parse().unwrap(), DeviceAction::Delete, None);
    assert!(fresh.connect().await.do_it(&delete).await.is_err(), "the day it was told is not over");
    let next = stage.new_enrolment("bob", Confirm::Phone).await;
    let (_, number) = Phone::enrol(next.link.as_ref().unwrap()).await.unwrap();
    let (mut online, new) = waiting(&own, &next.id).await;
    online.do_it(&Command::vouch(&new, number.as_deref())).await.unwrap();
}

#[tokio::test]
async fn a_stream_ends_when_its_reader_may_see_less() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let realm = stage.realm.as_str();
    let new = NewApiKey {
        role: roles::REGISTRAR.into(),
        realm: Some(realm.into()),
        client: Some(stage.client().await),
        ..NewApiKey::default()
    };
    let key = Key::made(&stage.root, &new).await;
    let url = format!("{}/v1/realms/{realm}/events/stream?user_id=alice", pod.url("rest"));
    let mut stream = reqwest::Client::new().get(url).bearer_auth(&key.secret).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    stage.root.change_api_key(&key.id, &ChangeApiKey { role: roles::CLIENT.into() }).await.unwrap();
    stage.phone("alice").await;
    while let Some(piece) = stream.chunk().await.unwrap() {
        assert!(!String::from_utf8_lossy(&piece).contains("alice"), "it sees users no more");
    }
}

#[tokio::test]
async fn nobody_lifts_a_hold_that_somebody_with_more_authority_took_over() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let realm = stage.realm.as_str();
    let admin = Hands::of(&stage, roles::REALM_ADMIN).await.keys.remove(0);
    // The two race repeatedly: whichever comes first, root's hold is in place at the end.
    let plain = PutHold::default();
    for n in 0..20 {
        let user = format!("user-{n}");
        admin.put_hold(realm, &user, &plain).await.unwrap();
        let (_either, laid) =
            tokio::join!(admin.lift_hold(realm, &user), stage.root.put_hold(realm, &user, &plain));
        laid.unwrap();
        let lies = stage.root.holds(realm).await.unwrap().items;
        assert!(lies.iter().any(|h| h.user_id == user), "{user}");
    }
    let first = NewEnrolment::new("user-0".into(), Confirm::Number);
    stage.api.create_enrolment(realm, &first).await.unwrap();
    assert_eq!(code(admin.delete_user(realm, "user-0").await), "legal_hold");
}
