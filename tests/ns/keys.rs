//! API keys: what roles allow, who may give what away, where and for how long a key works.

use countersign_api::{
    Confirm, NewApiKey, NewClient, NewEnrolment, NewLogin, NewRealm, Permission as P, PutRole, PutUser, RotateApiKey, roles,
};

use crate::support::{IN_A_REALM, Key, Pod, Stage, code};

fn role(permissions: &[P]) -> PutRole {
    PutRole { permissions: permissions.to_vec() }
}

fn new_key(role: &str, stage: &Stage) -> NewApiKey {
    NewApiKey { role: role.into(), realm: Some(stage.realm.clone()), ..NewApiKey::default() }
}

#[tokio::test]
async fn a_role_allows_what_it_says_at_once_and_goes_only_when_no_key_has_it() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let (root, realm) = (&stage.root, stage.realm.as_str());
    let key = stage.key("desk", &[P::Users]).await;
    key.api.users(realm, &[]).await.unwrap();
    assert_eq!(code(key.api.search_accounts(realm, &[]).await), "forbidden");
    root.put_role(realm, "desk", &role(&[P::Accounts])).await.unwrap();
    key.api.search_accounts(realm, &[]).await.unwrap();
    assert_eq!(code(key.api.users(realm, &[]).await), "forbidden", "what was believed is forgotten");
    let listed: Vec<_> = root.roles(realm).await.unwrap().items.into_iter().map(|r| (r.name, r.permissions.len(), r.builtin)).collect();
    let there = |name: &str, n, builtin| (name.to_owned(), n, builtin);
    let builtin = [("client", 4), ("registrar", 8), ("help_desk", 4), ("viewer", 1), ("auditor", 5), ("realm-admin", 12)];
    let mut expected = builtin.map(|(name, n)| there(name, n, true)).to_vec();
    expected.push(there("desk", 1, false));
    assert_eq!(listed, expected);
    assert_eq!(code(root.delete_role(realm, "desk").await), "in_use");
    key.api.search_accounts(realm, &[]).await.unwrap();
    root.delete_api_key(&key.id).await.unwrap();
    assert_eq!(code(key.api.search_accounts(realm, &[]).await), "unauthorized", "a deleted key stops working at once");
    root.delete_role(realm, "desk").await.unwrap();
    assert_eq!(code(root.delete_role(realm, "desk").await), "not_found");
    assert_eq!(code(root.create_api_key(&new_key("desk", &stage)).await), "invalid", "no such role");
}

#[tokio::test]
async fn nobody_gives_away_permissions_they_do_not_have() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let (root, realm) = (&stage.root, stage.realm.as_str());
    let officer = stage.key("officer", &[P::Clients, P::Realm, P::Users]).await;
    root.put_role(realm, "strong", &role(&[P::Users, P::Logins])).await.unwrap();
    let admin = Key::made(root, &new_key(roles::REALM_ADMIN, &stage)).await;
    let (before, keys) = (root.roles(realm).await.unwrap(), root.api_keys().await.unwrap().items.len());
    for permissions in [&[P::Users, P::Logins][..], &[P::Audit], &IN_A_REALM] {
        for name in ["more", "officer", "strong"] {
            assert_eq!(code(officer.api.put_role(realm, name, &role(permissions)).await), "forbidden", "{permissions:?}");
        }
    }
    for name in ["strong", roles::REALM_ADMIN] {
        assert_eq!(code(officer.api.create_api_key(&new_key(name, &stage)).await), "forbidden", "{name}");
    }
    let a_client = NewApiKey { client: Some(stage.client().await), ..new_key(roles::CLIENT, &stage) };
    assert_eq!(code(officer.api.create_api_key(&a_client).await), "forbidden");
    for key in [&admin.id, &stage.api.own_api_key().await.unwrap().id] {
        assert_eq!(code(officer.api.rotate_api_key(key, &RotateApiKey::default()).await), "forbidden", "its secret would be worth more");
    }
    for api in [&officer.api, &admin.api] {
        for name in ["root", "strong"] {
            let everywhere = NewApiKey { role: name.into(), ..NewApiKey::default() };
            assert_eq!(code(api.create_api_key(&everywhere).await), "forbidden");
        }
        assert_eq!(code(api.put_global_role("more", &role(&[P::Users])).await), "forbidden");
        for global in [P::Realms, P::Root] {
            assert_eq!(code(api.put_role(realm, "more", &role(&[global])).await), "invalid", "no realm has it to give");
        }
        assert_eq!(
            code(api.create_realm(&NewRealm { name: "more".into(), display_name: "X".into(), ..NewRealm::default() }).await),
            "forbidden"
        );
    }
    assert_eq!((root.roles(realm).await.unwrap(), root.api_keys().await.unwrap().items.len()), (before, keys), "nothing was made");
    officer.api.put_role(realm, "less", &role(&[P::Users])).await.unwrap();
    let less = Key::made(&officer.api, &new_key("less", &stage)).await;
    less.api.users(realm, &[]).await.unwrap();
    assert_eq!(code(less.api.create_api_key(&new_key("less", &stage)).await), "forbidden");
}

#[tokio::test]
async fn the_roles_that_are_there_without_being_made_stay_as_they_are_and_names_are_names() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    for name in
        [roles::ROOT, roles::REALM_ADMIN, roles::CLIENT, roles::REGISTRAR, roles::AUDITOR, roles::VIEWER, "UPPER", "1st", "under_score"]
    {
        assert_eq!(code(stage.root.put_role(&stage.realm, name, &role(&[])).await), "invalid", "{name}");
        assert_eq!(code(stage.root.put_global_role(name, &role(&[])).await), "invalid", "{name}");
        assert_eq!(code(stage.root.delete_role(&stage.realm, name).await), "not_found", "{name}");
        assert_eq!(code(stage.root.delete_global_role(name).await), "not_found", "{name}");
    }
    stage.api.users(&stage.realm, &[]).await.unwrap();
}

#[tokio::test]
async fn a_global_role_counts_in_every_realm_and_only_for_keys_that_are_bound_to_none() {
    let pod = Pod::start();
    let (one, two) = (Stage::set(&pod).await, Stage::set(&pod).await);
    let root = &one.root;
    root.put_global_role("inspector", &role(&[P::Audit, P::Clients])).await.unwrap();
    let auditor = Key::made(root, &NewApiKey { role: "inspector".into(), ..NewApiKey::default() }).await;
    for realm in [&one.realm, &two.realm] {
        auditor.api.events(realm, &[]).await.unwrap();
        assert_eq!(code(auditor.api.users(realm, &[]).await), "forbidden");
    }
    assert_eq!(auditor.api.realms().await.unwrap().items.len(), root.realms().await.unwrap().items.len());
    assert_eq!(code(auditor.api.global_events(&[]).await), "forbidden");
    assert_eq!(code(auditor.api.create_api_key(&NewApiKey { role: "root".into(), ..NewApiKey::default() }).await), "forbidden");
    let new = NewRealm { name: "third".into(), display_name: "Third".into(), ..NewRealm::default() };
    assert_eq!(code(auditor.api.create_realm(&new).await), "forbidden");
    root.put_global_role("inspector", &role(&[P::Audit, P::Realms])).await.unwrap();
    auditor.api.create_realm(&new).await.unwrap();
    assert_eq!(code(root.create_api_key(&new_key("inspector", &one)).await), "invalid", "it is no role of the realm");
    assert_eq!(code(root.delete_global_role("inspector").await), "in_use");
    // A realm's role of the same name is another one.
    let namesake = one.key("inspector", &[P::Users]).await;
    assert_eq!(code(root.create_api_key(&new_key("inspector", &two)).await), "invalid", "nor is another realm's");
    root.delete_api_key(&auditor.id).await.unwrap();
    root.delete_global_role("inspector").await.unwrap();
    namesake.api.users(&one.realm, &[]).await.unwrap();
    assert_eq!(code(namesake.api.events(&one.realm, &[]).await), "forbidden");
}

#[tokio::test]
async fn a_key_that_contradicts_itself_is_not_made() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let (realm, client, stranger) = (Some(stage.realm.clone()), Some(stage.client().await), Stage::set(&pod).await);
    let foreign = Some(stranger.client().await);
    let key = |role: &str, realm: &Option<String>, client: &Option<String>| NewApiKey {
        role: role.into(),
        realm: realm.clone(),
        client: client.clone(),
        ..NewApiKey::default()
    };
    let admin = || key(roles::REALM_ADMIN, &realm, &None);
    let before = stage.root.api_keys().await.unwrap().items.len();
    for bad in [
        key(roles::ROOT, &realm, &None),
        key(roles::ROOT, &None, &client),
        key(roles::REALM_ADMIN, &None, &None),
        key(roles::REALM_ADMIN, &realm, &client),
        key(roles::CLIENT, &realm, &None),
        key(roles::CLIENT, &None, &client),
        key(roles::CLIENT, &realm, &foreign),
        key(roles::CLIENT, &realm, &Some("nonsense".into())),
        key("no-such-role", &realm, &None),
        NewApiKey { name: Some("a\u{202e}b".into()), ..admin() },
        NewApiKey { expires_in: Some(0), ..admin() },
        NewApiKey { expires_in: Some(10 * 365 * 86_400 + 1), ..admin() },
        NewApiKey { sources: vec!["10.0.0.0/33".into()], ..admin() },
        NewApiKey { sources: vec!["10.0.0.1".into()], ..admin() },
        NewApiKey { sources: vec!["10.0.0.0/8".into(); 21], ..admin() },
    ] {
        assert_eq!(code(stage.root.create_api_key(&bad).await), "invalid", "{bad:?}");
    }
    let nowhere = key(roles::REALM_ADMIN, &Some("nowhere".into()), &None);
    assert_eq!(code(stage.root.create_api_key(&nowhere).await), "not_found");
    assert_eq!(stage.root.api_keys().await.unwrap().items.len(), before);
}

#[tokio::test]
async fn a_key_works_from_its_networks_only() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let from = |nets: &[&str]| NewApiKey { sources: nets.iter().map(ToString::to_string).collect(), ..new_key(roles::REALM_ADMIN, &stage) };
    for (nets, works) in
        [(&["10.0.0.0/8"][..], false), (&["2001:db8::/32", "192.0.2.0/24"], false), (&["10.0.0.0/8", "127.0.0.0/8", "::1/128"], true)]
    {
        let key = Key::made(&stage.root, &from(nets)).await;
        assert_eq!(stage.root.api_key(&key.id).await.unwrap().sources, nets);
        for _ in 0..2 {
            let asked = key.api.clients(&stage.realm).await;
            assert_eq!(asked.is_ok(), works, "{nets:?}: {asked:?}");
            assert!(works || code(asked) == "unauthorized");
        }
        assert_eq!(stage.root.api_key(&key.id).await.unwrap().last_used_at.is_some(), works, "a refused key was not used");
        let next = stage.root.rotate_api_key(&key.id, &RotateApiKey::default()).await.unwrap();
        assert_eq!(next.sources, nets);
        assert_eq!(stage.root.with_key(next.secret.as_deref().unwrap()).clients(&stage.realm).await.is_ok(), works);
    }
}

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
    let new = NewApiKey { name: Some("shop".into()), client: Some(stage.client().await), ..new_key(roles::CLIENT, &stage) };
    let old = Key::made(&stage.root, &new).await;
    let by_name = NewApiKey { client: Some("nobody".into()), ..new.clone() };
    assert_eq!(code(stage.root.create_api_key(&by_name).await), "invalid");
    let by_name = NewApiKey { client: Some("shop".into()), ..new.clone() };
    assert_eq!(stage.root.create_api_key(&by_name).await.unwrap().client, new.client);
    for overlap in [Some(30 * 86_400 + 1), Some(u64::MAX)] {
        assert_eq!(code(old.api.rotate_own_api_key(&RotateApiKey { overlap, expires_in: None }).await), "invalid");
    }
    assert_eq!(code(old.api.rotate_own_api_key(&RotateApiKey { overlap: None, expires_in: Some(0) }).await), "invalid");
    let login = old.api.create_login(&stage.realm, &NewLogin::default()).await.unwrap();
    let rotate = RotateApiKey { overlap: Some(60), expires_in: Some(600) };
    let lost = old.api.rotate_own_api_key(&rotate).await.unwrap();
    // Its answer was lost: the next one takes its place.
    let next = old.api.rotate_own_api_key(&rotate).await.unwrap();
    assert_eq!(code(stage.root.with_key(lost.secret.as_deref().unwrap()).own_api_key().await), "unauthorized");
    let told = stage.root.events(&stage.realm, &[("object", &lost.id)]).await.unwrap().items;
    assert_eq!(told.iter().map(|e| e.action.as_str()).collect::<Vec<_>>(), ["api_key.rotated", "api_key.deleted"]);
    assert_eq!((next.name.as_deref(), &next.role, &next.client), (Some("shop"), &new.role, &new.client));
    assert!(next.expires_at.is_some() && next.last_used_at.is_none());
    let new = stage.root.with_key(next.secret.as_deref().unwrap());
    for api in [&old.api, &new] {
        api.login(&stage.realm, &login.id, 0, 0).await.unwrap();
    }
    // The successor is in use: whoever else has the old one cannot follow it any more, and gets no more time.
    let again = RotateApiKey { overlap: Some(3600), expires_in: None };
    assert_eq!(code(old.api.rotate_own_api_key(&again).await), "superseded");
    assert_eq!(code(stage.root.rotate_api_key(&old.id, &again).await), "superseded");
    pod.later(61).await;
    assert_eq!(code(old.api.login(&stage.realm, &login.id, 0, 0).await), "unauthorized");
    new.login(&stage.realm, &login.id, 0, 0).await.unwrap();
    // A key does not give itself a longer life; an administrator may.
    let third = new.rotate_own_api_key(&RotateApiKey { overlap: Some(3600), expires_in: Some(86_400) }).await.unwrap();
    assert_eq!(third.expires_at, next.expires_at);
    let longer = stage.root.rotate_api_key(&third.id, &RotateApiKey { overlap: None, expires_in: Some(86_400) }).await.unwrap();
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
    let next = old.api.rotate_own_api_key(&RotateApiKey { overlap: Some(0), expires_in: None }).await.unwrap();
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
    // A realm's administrator may let a back end act for the realm's clients.
    let admin = Key::made(&stage.root, &new_key(roles::REALM_ADMIN, &stage)).await;
    admin.api.put_role(realm, "backend", &role(&[P::Logins, P::Enrolments, P::ActForClient])).await.unwrap();
    let backend = Key::made(&admin.api, &new_key("backend", &stage)).await;
    assert_eq!(code(backend.api.create_login(realm, &NewLogin::default()).await), "forbidden", "for nobody");
    let shop = backend.api.acting_for("shop");
    let login = shop.create_login(realm, &NewLogin::default()).await.unwrap();
    let new = NewEnrolment { user_id: "alice".into(), confirm: Confirm::Number };
    let enrolment = shop.create_enrolment(realm, &new).await.unwrap();
    stage.api.login(realm, &login.id, 0, 0).await.unwrap();
    stage.api.cancel_enrolment(realm, &enrolment.id).await.unwrap();
    let next_door = backend.api.acting_for("neighbour");
    for api in [&neighbour.api, &next_door] {
        assert_eq!(code(api.login(realm, &login.id, 0, 0).await), "not_found");
        assert_eq!(code(api.cancel_enrolment(realm, &enrolment.id).await), "not_found");
    }
    let told = stage.root.events(realm, &[("object", &enrolment.id), ("action", "enrolment.created")]).await.unwrap().items;
    assert_eq!((told[0].actor.as_str(), &told[0].client), (format!("key:{}", backend.id).as_str(), &Some(stage.client().await)));
    for unknown in ["only-there", "nobody", "", "SHOP"] {
        assert_eq!(code(backend.api.acting_for(unknown).create_login(realm, &NewLogin::default()).await), "invalid", "{unknown:?}");
    }
    for other in [&admin.api, &stage.api, &neighbour.api] {
        let asked = other.acting_for("shop").create_login(realm, &NewLogin::default()).await;
        assert_eq!(code(asked), "forbidden", "without the permission, and from a client's key");
    }
    stage.root.acting_for("only-there").put_user(&stranger.realm, "x", &PutUser::default()).await.unwrap();
    let elsewhere = stage.root.acting_for("only-there").put_user(realm, "x", &PutUser::default()).await;
    assert_eq!(code(elsewhere), "invalid", "a client of another realm");
}
