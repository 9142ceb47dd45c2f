//! Findings of an outside review (the ids are its rows), and three similar ones that it does not
//! name. Each failed on the release that was reviewed.

use countersign_api::{
    ApiClient, ChangeRealm, Confirm, Initiator, Limit, Limits, NewApiKey, NewClient, NewEnrolment, NewLogin,
    Permission, PutRole, RealmSettings, roles,
};
use countersign_sdk::{Answer, Command, RefuseReason};
use countersign_sim::Online;

use crate::support::{Page, Pod, Stage, claim, code};

/// Creates a client of the realm with a key of the role `client`.
async fn client(stage: &Stage, name: &str) -> ApiClient {
    let new = NewClient { name: name.into(), display_name: name.into(), ..NewClient::default() };
    let client = stage.root.create_client(&stage.realm, &new).await.unwrap();
    key(stage, roles::CLIENT, Some(client.id)).await
}

async fn key(stage: &Stage, role: &str, client: Option<String>) -> ApiClient {
    let new =
        NewApiKey { role: role.into(), realm: Some(stage.realm.clone()), client, ..NewApiKey::default() };
    let key = stage.root.create_api_key(&new).await.unwrap();
    stage.root.with_key(&key.secret.unwrap())
}

fn by(binding: &str, address: &str) -> NewLogin {
    let initiator = Initiator { binding: Some(binding.into()), address: Some(address.parse().unwrap()) };
    NewLogin { initiator: Some(initiator), ..NewLogin::default() }
}

/// Starts a login in this browser, whose code this phone scans and answers with "not me".
async fn accuse(api: &ApiClient, realm: &str, phone: &mut Online, new: &NewLogin) {
    let login = api.create_login(realm, new).await.unwrap();
    let prompt = claim(phone, &Page::open(&login).await.qr().await).await.unwrap();
    phone.do_it(&Command::refuse(&prompt, RefuseReason::NotMe)).await.unwrap();
}

#[tokio::test]
async fn s1_a_stolen_key_of_role_client_gives_nobody_a_phone_and_has_power_over_nobody() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let (thief, realm) = (client(&stage, "thief").await, stage.realm.as_str());
    for confirm in [Confirm::Number, Confirm::None, Confirm::Phone, Confirm::Admin] {
        let own = NewEnrolment::new("alice".into(), confirm);
        assert_eq!(code(thief.create_enrolment(realm, &own).await), "forbidden", "{confirm:?}");
    }
    assert_eq!(code(thief.users(realm, &[]).await), "forbidden");
    assert_eq!(code(thief.search_accounts(realm, &[]).await), "forbidden");
    assert_eq!(code(thief.set_blocked(realm, &phone.account.id, true).await), "forbidden");
    assert_eq!(code(thief.delete_user(realm, "alice").await), "forbidden");
    stage.root.set_blocked(realm, &phone.account.id, true).await.unwrap();
    assert_eq!(
        code(thief.set_blocked(realm, &phone.account.id, false).await),
        "forbidden",
        "root has blocked it"
    );
}

#[tokio::test]
async fn s2_a_root_key_that_was_deleted_does_not_come_back_with_a_restart() {
    let mut pod = Pod::start();
    let root = pod.root();
    root.delete_api_key(&root.own_api_key().await.unwrap().id).await.unwrap();
    let secret = pod.root_key();
    let again = pod.crash_and_restart();
    let back = ApiClient::new(&again.url("rest"), &secret).unwrap();
    assert_eq!(code(back.realms().await), "unauthorized", "though its file lies there");
}

#[tokio::test]
async fn s7_one_user_with_three_phones_keeps_no_address_out_and_least_of_all_at_another_client() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let (one, other) = (client(&stage, "one").await, client(&stage, "other").await);
    for n in 0..3 {
        let mut phone = stage.phone("mallory").await.connect().await;
        accuse(&one, &stage.realm, &mut phone, &by(&format!("browser {n}"), "192.0.2.1")).await;
    }
    other.create_login(&stage.realm, &by("a colleague", "192.0.2.1")).await.expect("another client");
    one.create_login(&stage.realm, &by("a colleague", "192.0.2.1")).await.expect("one user is one user");
}

#[tokio::test]
async fn s7_whoever_scans_a_victims_code_first_and_says_not_me_does_not_shut_the_victims_browser() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let shop = client(&stage, "victims").await;
    let mut mallory = stage.phone("mallory").await.connect().await;
    for _ in 0..3 {
        accuse(&shop, &stage.realm, &mut mallory, &by("the victim's browser", "192.0.2.1")).await;
    }
    shop.create_login(&stage.realm, &by("the victim's browser", "192.0.2.1"))
        .await
        .expect("it takes two users");
}

#[tokio::test]
async fn s8_logins_that_strangers_direct_at_a_user_do_not_push_the_users_own_out_of_the_list() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut alice = stage.phone("alice").await.connect().await;
    let directed = |new| NewLogin { to_user: Some("alice".into()), ..new };
    let own =
        stage.api.create_login(&stage.realm, &directed(by("alice's browser", "192.0.2.1"))).await.unwrap();
    for n in 0..80 {
        stage
            .api
            .create_login(&stage.realm, &directed(by(&format!("b{}", n / 20), "198.51.100.1")))
            .await
            .unwrap();
    }
    let Answer::Logins(listed) = alice.do_it(&Command::list()).await.unwrap() else { panic!("a list") };
    assert!(listed.iter().any(|l| l.0.to_string() == own.id), "{} are listed", listed.len());
}

#[tokio::test]
async fn s10_an_administrator_shortens_no_evidence_and_every_change_says_what_changed() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let admin = key(&stage, roles::REALM_ADMIN, None).await;
    for settings in [
        RealmSettings { trail_days: Some(1), ..RealmSettings::default() },
        RealmSettings { outcome_days: Some(1), ..RealmSettings::default() },
    ] {
        let change = ChangeRealm { settings, ..ChangeRealm::default() };
        assert_eq!(code(admin.change_realm(&stage.realm, &change).await), "invalid", "below the floor");
    }
    let change = ChangeRealm {
        settings: RealmSettings { login_secs: Some(60), ..RealmSettings::default() },
        ..ChangeRealm::default()
    };
    admin.change_realm(&stage.realm, &change).await.unwrap();
    admin.export_events(&stage.realm).await.unwrap();
    let told = stage.root.events(&stage.realm, &[]).await.unwrap().items;
    let detail = |action: &str| {
        told.iter().rfind(|e| e.action == action).unwrap_or_else(|| panic!("no {action}")).detail.clone()
    };
    let changed: serde_json::Value =
        serde_json::from_str(&detail("realm.changed").expect("what changed")).unwrap();
    assert_eq!(changed["settings.login_secs"], serde_json::json!({"before": 120, "after": 60}));
    detail("events.exported");
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn s11_what_anonymous_visitors_leave_is_forgotten_after_hours() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut phone = stage.phone("alice").await.connect().await;
    for _ in 0..20 {
        let login = stage.new_login().await;
        stage.api.cancel_login(&stage.realm, &login.id).await.unwrap();
    }
    let somebodys = stage.approved(&mut phone).await;
    let rows = async || {
        let told = stage.root.events(&stage.realm, &[("action", "login")]).await.unwrap().items;
        told.into_iter().map(|e| e.action).collect::<Vec<_>>()
    };
    assert_eq!(rows().await.len(), 21);
    pod.later(26 * 3600).await;
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while rows().await.iter().any(|action| action == "login.cancelled") {
        assert!(std::time::Instant::now() < until, "they are kept");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert!(rows().await.contains(&"login.approved".to_owned()), "what somebody approved stays");
    stage.look(&somebodys).await;
}

#[tokio::test]
async fn j4_a_clients_key_hears_of_its_own_logins_and_of_what_ends_them_and_of_nothing_else() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let neighbour = Stage::client_in(&stage.root, &stage.realm, "neighbour").await;
    let (shop, phone) =
        (key(&stage, roles::CLIENT, Some(stage.client().await)).await, stage.phone("alice").await);
    let mut online = phone.connect().await;
    let mine = stage.approved(&mut online).await;
    let theirs = neighbour.approved(&mut online).await;
    let refused = stage.new_login().await;
    let prompt = claim(&mut online, &Page::open(&refused).await.qr().await).await.unwrap();
    online.do_it(&Command::refuse(&prompt, RefuseReason::NotMe)).await.unwrap();
    stage.root.set_blocked(&stage.realm, &phone.account.id, true).await.unwrap();
    let told = shop.events(&stage.realm, &[]).await.unwrap().items;
    let of = |object: &str| {
        told.iter()
            .filter(|e| e.object == object)
            .map(|e| (e.action.as_str(), e.detail.as_deref().unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    assert_eq!(of(&mine.id), [("login.approved", ""), ("login.ended", "account_blocked")]);
    assert_eq!(of(&refused.id), [("login.refused", "not_me"), ("alert.not_me", "")]);
    assert_eq!(of(&theirs.id), []);
    let me = stage.client().await;
    assert!(told.iter().all(|e| e.client.as_ref() == Some(&me)), "{told:?}");
}

#[tokio::test]
async fn a_client_that_logs_a_user_out_ends_nothing_at_other_clients() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let neighbour = Stage::client_in(&stage.root, &stage.realm, "neighbour").await;
    let mut phone = stage.phone("alice").await.connect().await;
    let (mine, theirs) = (stage.approved(&mut phone).await, neighbour.approved(&mut phone).await);
    assert_eq!(stage.api.logout_user(&stage.realm, "alice").await.unwrap().ended, 1);
    assert_eq!(stage.look(&mine).await.state, countersign_api::LoginState::Ended);
    assert_eq!(neighbour.look(&theirs).await.state, countersign_api::LoginState::Approved);
}

#[tokio::test]
async fn a_key_deletes_no_key_and_strips_no_role_that_may_do_more_than_itself() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let realm = stage.realm.as_str();
    let role = |permissions: &[Permission]| PutRole { permissions: permissions.to_vec() };
    stage.root.put_role(realm, "officer", &role(&[Permission::Clients, Permission::Realm])).await.unwrap();
    stage.root.put_role(realm, "agents", &role(&[Permission::Accounts])).await.unwrap();
    let (officer, admin) = (key(&stage, "officer", None).await, key(&stage, roles::REALM_ADMIN, None).await);
    assert_eq!(code(officer.delete_api_key(&admin.own_api_key().await.unwrap().id).await), "forbidden");
    assert_eq!(code(officer.put_role(realm, "agents", &role(&[])).await), "forbidden");
    admin.own_api_key().await.expect("it works");
}

#[tokio::test]
async fn what_comes_from_an_address_at_one_client_does_not_stop_the_users_of_another() {
    let pod = Pod::start();
    let limits = Limits { address: Some(Limit { most: 3, secs: 600 }), ..Limits::default() };
    let stage = Stage::strict(&pod, RealmSettings { limits: Some(limits), ..RealmSettings::default() }).await;
    let (one, other) = (client(&stage, "one").await, client(&stage, "other").await);
    for n in 0..3 {
        one.create_login(&stage.realm, &by(&format!("b{n}"), "192.0.2.1")).await.unwrap();
    }
    assert_eq!(code(one.create_login(&stage.realm, &by("b4", "192.0.2.1")).await), "rate_limited");
    other
        .create_login(&stage.realm, &by("b5", "192.0.2.1"))
        .await
        .expect("another client, behind the same address");
}
