//! What keys may do to other keys and to stored data, and what is reported of keys that do not
//! work.

use countersign_api::{
    ChangeApiKey, ChangeRealm, NewApiKey, NewLogin, Permission as P, PutHold, PutUser, RealmSettings, roles,
};

use super::Hands;
use crate::support::{Key, Page, Pod, Stage, claim, code};

#[tokio::test]
async fn a_key_gets_another_role_from_whoever_could_give_it_and_keeps_its_secret() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let realm = stage.realm.as_str();
    let new = NewApiKey {
        role: roles::CLIENT.into(),
        realm: Some(realm.into()),
        client: Some(stage.client().await),
        ..NewApiKey::default()
    };
    let client = Key::made(&stage.root, &new).await;
    let change = |role: &str| ChangeApiKey { role: role.into() };
    assert_eq!(code(client.api.users(realm, &[]).await), "forbidden");
    let officer = stage.key("officer", &[P::Clients, P::Logins, P::Signings, P::Messages, P::Webhooks]).await;
    assert_eq!(
        code(officer.api.change_api_key(&client.id, &change(roles::REGISTRAR)).await),
        "forbidden",
        "it lacks users"
    );
    assert_eq!(code(client.api.change_api_key(&client.id, &change(roles::REGISTRAR)).await), "forbidden");
    for wrong in [roles::REALM_ADMIN, roles::ROOT, "nobody"] {
        assert_eq!(
            code(stage.root.change_api_key(&client.id, &change(wrong)).await),
            "invalid",
            "{wrong} is for other keys"
        );
    }
    let admin = Hands::of(&stage, roles::REALM_ADMIN).await.keys.remove(0);
    assert_eq!(
        admin.change_api_key(&client.id, &change(roles::REGISTRAR)).await.unwrap().role,
        roles::REGISTRAR
    );
    client.api.users(realm, &[]).await.expect("at once, with the same secret");
    assert_eq!(
        code(officer.api.change_api_key(&client.id, &change(roles::CLIENT)).await),
        "forbidden",
        "nor does it take what it lacks"
    );
    let told = stage.root.events(realm, &[("action", "api_key.changed")]).await.unwrap().items;
    let detail: serde_json::Value = serde_json::from_str(told[0].detail.as_deref().unwrap()).unwrap();
    assert_eq!(detail, serde_json::json!({"role": {"before": "client", "after": "registrar"}}));
}

#[tokio::test]
async fn a_legal_hold_stops_deleting_and_erasing_until_as_much_authority_lifts_it() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let realm = stage.realm.as_str();
    stage.api.put_user(realm, "alice", &PutUser::default()).await.unwrap();
    let admin = Hands::of(&stage, roles::REALM_ADMIN).await.keys.remove(0);
    let auditor = Hands::of(&stage, roles::AUDITOR).await.keys.remove(0);
    let hold = PutHold { reason: Some("file 17".into()) };
    assert_eq!(code(auditor.put_hold(realm, "alice", &hold).await), "forbidden");
    stage.root.put_hold(realm, "alice", &hold).await.unwrap();
    let again = admin.put_hold(realm, "alice", &PutHold::default()).await.unwrap();
    assert_eq!(again.reason.as_deref(), Some("file 17"), "the one that lies there stays");
    assert_eq!(auditor.holds(realm).await.unwrap().items, [again]);
    for api in [&stage.root, &admin] {
        assert_eq!(code(api.delete_user(realm, "alice").await), "legal_hold");
        assert_eq!(code(api.erase_user(realm, "alice").await), "legal_hold");
    }
    assert_eq!(code(admin.lift_hold(realm, "alice").await), "more_authority", "root laid it");
    stage.root.lift_hold(realm, "alice").await.unwrap();
    assert_eq!(code(stage.root.lift_hold(realm, "alice").await), "not_found");
    // The user need not exist.
    admin.put_hold(realm, "gone", &PutHold::default()).await.unwrap();
    admin.lift_hold(realm, "gone").await.unwrap();
    stage.root.erase_user(realm, "alice").await.unwrap();
    let told = stage.root.events(realm, &[("action", "hold")]).await.unwrap().items;
    let told: Vec<_> = told.iter().map(|e| e.action.as_str()).collect();
    assert_eq!(told, ["hold.placed", "hold.lifted", "hold.placed", "hold.lifted"]);
}

#[tokio::test]
async fn root_alone_lowers_a_floor_and_the_row_about_it_is_there() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let admin = Hands::of(&stage, roles::REALM_ADMIN).await.keys.remove(0);
    let keep = |floor: u64, days: u64| ChangeRealm {
        settings: RealmSettings {
            outcome_floor_days: Some(floor),
            outcome_days: Some(days),
            ..RealmSettings::default()
        },
        ..ChangeRealm::default()
    };
    assert_eq!(code(admin.change_realm(&stage.realm, &keep(30, 30)).await), "forbidden");
    admin.change_realm(&stage.realm, &keep(2000, 2000)).await.expect("more is everybody's to ask");
    assert_eq!(
        code(admin.change_realm(&stage.realm, &keep(1826, 2000)).await),
        "forbidden",
        "and then it is the floor"
    );
    assert_eq!(
        code(stage.root.change_realm(&stage.realm, &keep(2000, 30)).await),
        "invalid",
        "root lowers the floor first, or with it"
    );
    stage.root.change_realm(&stage.realm, &keep(30, 30)).await.unwrap();
    let told = stage.root.events(&stage.realm, &[("action", "realm.retention_lowered")]).await.unwrap().items;
    assert_eq!(told.len(), 1);
    assert!(
        told[0].detail.as_deref().unwrap().contains(r#""settings.outcome_days":{"after":30,"before":2000}"#),
        "{told:?}"
    );
}

#[tokio::test]
async fn whoever_keeps_users_deletes_those_without_phones_alone() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    stage.phone("alice").await;
    stage.api.put_user(&stage.realm, "bob", &PutUser::default()).await.unwrap();
    stage.api.delete_user(&stage.realm, "bob").await.unwrap();
    assert_eq!(code(stage.api.delete_user(&stage.realm, "alice").await), "forbidden");
    assert_eq!(stage.api.accounts(&stage.realm, "alice").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_login_without_a_number_takes_a_permission_of_its_own() {
    let pod = Pod::start();
    let number_match =
        countersign_api::NumberMatch { qr: Some(true), ..countersign_api::NumberMatch::default() };
    let stage =
        Stage::strict(&pod, RealmSettings { number_match: Some(number_match), ..RealmSettings::default() })
            .await;
    let new = NewLogin { number_off: true, ..NewLogin::default() };
    assert_eq!(code(stage.api.create_login(&stage.realm, &new).await), "forbidden");
    let trusted = stage.client_key("trusted", &[P::Logins, P::NumberOff]).await.api;
    let both = NewLogin { number_match: true, ..new.clone() };
    assert_eq!(code(trusted.create_login(&stage.realm, &both).await), "invalid");
    let mut phone = stage.phone("alice").await.connect().await;
    for (new, digits) in [(new, None), (NewLogin::default(), Some(2))] {
        let login = trusted.create_login(&stage.realm, &new).await.unwrap();
        assert_eq!(claim(&mut phone, &Page::open(&login).await.qr().await).await.unwrap().number, digits);
    }
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn keys_that_do_not_work_are_counted_and_told_once_a_minute() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let new = NewApiKey {
        role: roles::VIEWER.into(),
        realm: Some(stage.realm.clone()),
        expires_in: Some(1),
        ..NewApiKey::default()
    };
    let expired = Key::made(&stage.root, &new).await;
    pod.later(2).await;
    for _ in 0..5 {
        assert_eq!(code(expired.api.own_api_key().await), "unauthorized");
        assert_eq!(
            code(stage.root.with_key("cs_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").own_api_key().await),
            "unauthorized"
        );
    }
    assert_eq!(stage.root.events(&stage.realm, &[("action", "alert.unauthorized")]).await.unwrap().items, []);
    pod.later(61).await;
    let waits = [("action", "alert.unauthorized"), ("wait", "30")];
    let told = stage.root.events(&stage.realm, &waits).await.unwrap().items;
    let detail =
        |text: &Option<String>| serde_json::from_str::<serde_json::Value>(text.as_deref().unwrap()).unwrap();
    assert_eq!((told.len(), &told[0].object), (1, &expired.id));
    assert_eq!(detail(&told[0].detail), serde_json::json!({"reason": "expired", "count": 5}));
    let told = stage
        .root
        .global_events(&[("action", "alert.unauthorized"), ("object", "api-key"), ("wait", "30")])
        .await
        .unwrap()
        .items;
    assert_eq!(
        detail(&told[0].detail),
        serde_json::json!({"reason": "unknown", "count": 5}),
        "of nobody, so of no realm"
    );
    let metrics = pod.admin("/metrics").await.1;
    assert!(metrics.contains(r#"countersign_alerts_total{kind="unauthorized",service="ns"} 2"#), "{metrics}");
}
