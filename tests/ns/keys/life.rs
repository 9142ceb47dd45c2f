//! Keys in use: when they were last used, how they are rotated and end, and for whom they act.

use super::*;

#[cfg(feature = "faults")]
#[tokio::test]
async fn a_key_says_to_the_minute_when_it_was_used_last() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let key = Key::made(&stage.root, &new_key(roles::REALM_ADMIN, &stage)).await;
    let last = async || stage.root.api_key(&key.id).await.unwrap().last_used_at;
    assert_eq!(last().await, None);
    key.api.clients(&stage.realm).await.unwrap();
    let first = last().await.expect("it was used");
    pod.later(30).await;
    key.api.clients(&stage.realm).await.unwrap();
    assert_eq!(last().await.as_ref(), Some(&first), "within the minute");
    pod.later(31).await;
    key.api.clients(&stage.realm).await.unwrap();
    assert!(last().await.unwrap() > first);
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn a_rotated_key_and_its_successor_work_side_by_side_until_the_old_one_is_over() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let new = NewApiKey {
        name: Some("shop".into()),
        client: Some(stage.client().await),
        ..new_key(roles::CLIENT, &stage)
    };
    let old = Key::made(&stage.root, &new).await;
    let by_name = NewApiKey { client: Some("nobody".into()), ..new.clone() };
    assert_eq!(code(stage.root.create_api_key(&by_name).await), "invalid");
    let by_name = NewApiKey { client: Some("shop".into()), ..new.clone() };
    assert_eq!(stage.root.create_api_key(&by_name).await.unwrap().client, new.client);
    for (overlap, expires_in) in [(Some(30 * 86_400 + 1), None), (Some(u64::MAX), None), (None, Some(0))] {
        let bad = RotateApiKey { overlap, expires_in };
        assert_eq!(code(old.api.rotate_own_api_key(&bad).await), "invalid", "{bad:?}");
    }
    let login = old.api.create_login(&stage.realm, &NewLogin::default()).await.unwrap();
    let rotate = RotateApiKey { overlap: Some(60), expires_in: Some(600) };
    let lost = old.api.rotate_own_api_key(&rotate).await.unwrap();
    // Its answer was lost: the next successor replaces it.
    let next = old.api.rotate_own_api_key(&rotate).await.unwrap();
    assert_eq!(
        code(stage.root.with_key(lost.secret.as_deref().unwrap()).own_api_key().await),
        "unauthorized"
    );
    let told = stage.root.events(&stage.realm, &[("object", &lost.id)]).await.unwrap().items;
    assert_eq!(
        told.iter().map(|e| e.action.as_str()).collect::<Vec<_>>(),
        ["api_key.rotated", "api_key.deleted"]
    );
    assert_eq!((next.name.as_deref(), &next.role, &next.client), (Some("shop"), &new.role, &new.client));
    assert!(next.expires_at.is_some() && next.last_used_at.is_none());
    let new = stage.root.with_key(next.secret.as_deref().unwrap());
    for api in [&old.api, &new] {
        api.login(&stage.realm, &login.id, 0, 0).await.unwrap();
    }
    // Once the successor is in use, the old key can neither be rotated again nor extended by anyone
    // else who holds it.
    let again = RotateApiKey { overlap: Some(3600), expires_in: None };
    assert_eq!(code(old.api.rotate_own_api_key(&again).await), "superseded");
    assert_eq!(code(stage.root.rotate_api_key(&old.id, &again).await), "superseded");
    pod.later(61).await;
    assert_eq!(code(old.api.login(&stage.realm, &login.id, 0, 0).await), "unauthorized");
    new.login(&stage.realm, &login.id, 0, 0).await.unwrap();
    // A key cannot extend its own life; an administrator can.
    let third = new
        .rotate_own_api_key(&RotateApiKey { overlap: Some(3600), expires_in: Some(86_400) })
        .await
        .unwrap();
    assert_eq!(third.expires_at, next.expires_at);
    let longer = stage
        .root
        .rotate_api_key(&third.id, &RotateApiKey { overlap: None, expires_in: Some(86_400) })
        .await
        .unwrap();
    assert!(longer.expires_at > third.expires_at);
    pod.later(600).await;
    assert_eq!(code(new.own_api_key().await), "unauthorized", "the successor's own end");
    stage.api.own_api_key().await.unwrap();
}

#[tokio::test]
async fn a_key_that_is_rotated_without_overlap_and_a_clients_keys_when_it_goes_stop_at_once() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let old = Key::made(&stage.root, &new_key(roles::REALM_ADMIN, &stage)).await;
    old.api.clients(&stage.realm).await.unwrap();
    let next =
        old.api.rotate_own_api_key(&RotateApiKey { overlap: Some(0), expires_in: None }).await.unwrap();
    assert_eq!(code(old.api.clients(&stage.realm).await), "unauthorized");
    let admin = stage.root.with_key(next.secret.as_deref().unwrap());
    let key = stage.api.own_api_key().await.unwrap();
    admin.delete_client(&stage.realm, key.client.as_deref().unwrap()).await.unwrap();
    assert_eq!(code(stage.api.users(&stage.realm, &[]).await), "unauthorized");
    assert_eq!(code(stage.root.api_key(&key.id).await), "not_found");
}

#[tokio::test]
async fn who_may_act_for_clients_does_the_work_of_the_one_he_names() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let (realm, stranger) = (stage.realm.as_str(), Stage::set(&pod).await);
    let more = NewClient { name: "only-there".into(), display_name: "X".into(), ..NewClient::default() };
    stage.root.create_client(&stranger.realm, &more).await.unwrap();
    let neighbour = Stage::client_in(&stage.root, realm, "neighbour").await;
    // The administrator of a realm may let a back end act for the realm's clients.
    let admin = Key::made(&stage.root, &new_key(roles::REALM_ADMIN, &stage)).await;
    admin.api.put_role(realm, "backend", &role(&[P::Logins, P::Enrolments, P::ActForClient])).await.unwrap();
    let backend = Key::made(&admin.api, &new_key("backend", &stage)).await;
    assert_eq!(code(backend.api.create_login(realm, &NewLogin::default()).await), "forbidden", "for nobody");
    let shop = backend.api.acting_for("shop");
    let login = shop.create_login(realm, &NewLogin::default()).await.unwrap();
    let new = NewEnrolment::new("alice".into(), Confirm::Number);
    let enrolment = shop.create_enrolment(realm, &new).await.unwrap();
    stage.api.login(realm, &login.id, 0, 0).await.unwrap();
    stage.api.cancel_enrolment(realm, &enrolment.id).await.unwrap();
    let next_door = backend.api.acting_for("neighbour");
    for api in [&neighbour.api, &next_door] {
        assert_eq!(code(api.login(realm, &login.id, 0, 0).await), "not_found");
        assert_eq!(code(api.cancel_enrolment(realm, &enrolment.id).await), "not_found");
    }
    let told = stage
        .root
        .events(realm, &[("object", &enrolment.id), ("action", "enrolment.created")])
        .await
        .unwrap()
        .items;
    assert_eq!(
        (told[0].actor.as_str(), &told[0].client),
        (format!("key:{}", backend.id).as_str(), &Some(stage.client().await))
    );
    for unknown in ["only-there", "nobody", "", "SHOP"] {
        assert_eq!(
            code(backend.api.acting_for(unknown).create_login(realm, &NewLogin::default()).await),
            "invalid",
            "{unknown:?}"
        );
    }
    for other in [&admin.api, &stage.api, &neighbour.api] {
        let asked = other.acting_for("shop").create_login(realm, &NewLogin::default()).await;
        assert_eq!(code(asked), "forbidden", "without the permission, and from a client's key");
    }
    stage.root.acting_for("only-there").put_user(&stranger.realm, "x", &PutUser::default()).await.unwrap();
    let elsewhere = stage.root.acting_for("only-there").put_user(realm, "x", &PutUser::default()).await;
    assert_eq!(code(elsewhere), "invalid", "a client of another realm");
}
