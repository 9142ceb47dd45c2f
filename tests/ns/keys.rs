//! API keys: what roles allow, who may grant what, where and for how long a key works.

mod life;

use countersign_api::{
    Confirm, NewApiKey, NewClient, NewEnrolment, NewLogin, NewRealm, Permission as P, PutRole, PutUser,
    RotateApiKey, roles,
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
    let listed: Vec<_> = root
        .roles(realm)
        .await
        .unwrap()
        .items
        .into_iter()
        .map(|r| (r.name, r.permissions.len(), r.builtin))
        .collect();
    let there = |name: &str, n, builtin| (name.to_owned(), n, builtin);
    let builtin = [
        ("client", 4),
        ("registrar", 8),
        ("help_desk", 4),
        ("viewer", 1),
        ("auditor", 5),
        ("realm-admin", 12),
    ];
    let mut expected = builtin.map(|(name, n)| there(name, n, true)).to_vec();
    expected.push(there("desk", 1, false));
    assert_eq!(listed, expected);
    assert_eq!(code(root.delete_role(realm, "desk").await), "in_use");
    key.api.search_accounts(realm, &[]).await.unwrap();
    root.delete_api_key(&key.id).await.unwrap();
    assert_eq!(
        code(key.api.search_accounts(realm, &[]).await),
        "unauthorized",
        "a deleted key stops working at once"
    );
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
            assert_eq!(
                code(officer.api.put_role(realm, name, &role(permissions)).await),
                "forbidden",
                "{permissions:?}"
            );
        }
    }
    for name in ["strong", roles::REALM_ADMIN] {
        assert_eq!(code(officer.api.create_api_key(&new_key(name, &stage)).await), "forbidden", "{name}");
    }
    let a_client = NewApiKey { client: Some(stage.client().await), ..new_key(roles::CLIENT, &stage) };
    assert_eq!(code(officer.api.create_api_key(&a_client).await), "forbidden");
    for key in [&admin.id, &stage.api.own_api_key().await.unwrap().id] {
        assert_eq!(
            code(officer.api.rotate_api_key(key, &RotateApiKey::default()).await),
            "forbidden",
            "its secret would be worth more"
        );
    }
    for api in [&officer.api, &admin.api] {
        for name in ["root", "strong"] {
            let everywhere = NewApiKey { role: name.into(), ..NewApiKey::default() };
            assert_eq!(code(api.create_api_key(&everywhere).await), "forbidden");
        }
        assert_eq!(code(api.put_global_role("more", &role(&[P::Users])).await), "forbidden");
        for global in [P::Realms, P::Root] {
            assert_eq!(
                code(api.put_role(realm, "more", &role(&[global])).await),
                "invalid",
                "no realm has it to give"
            );
        }
        let more = NewRealm { name: "more".into(), display_name: "X".into(), ..NewRealm::default() };
        assert_eq!(code(api.create_realm(&more).await), "forbidden");
    }
    assert_eq!(
        (root.roles(realm).await.unwrap(), root.api_keys().await.unwrap().items.len()),
        (before, keys),
        "nothing was made"
    );
    officer.api.put_role(realm, "less", &role(&[P::Users])).await.unwrap();
    let less = Key::made(&officer.api, &new_key("less", &stage)).await;
    less.api.users(realm, &[]).await.unwrap();
    assert_eq!(code(less.api.create_api_key(&new_key("less", &stage)).await), "forbidden");
}

#[tokio::test]
async fn the_roles_that_are_there_without_being_made_stay_as_they_are_and_names_are_names() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    for name in [
        roles::ROOT,
        roles::REALM_ADMIN,
        roles::CLIENT,
        roles::REGISTRAR,
        roles::AUDITOR,
        roles::VIEWER,
        "UPPER",
        "1st",
        "under_score",
    ] {
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
    assert_eq!(
        code(auditor.api.create_api_key(&NewApiKey { role: "root".into(), ..NewApiKey::default() }).await),
        "forbidden"
    );
    let new = NewRealm { name: "third".into(), display_name: "Third".into(), ..NewRealm::default() };
    assert_eq!(code(auditor.api.create_realm(&new).await), "forbidden");
    root.put_global_role("inspector", &role(&[P::Audit, P::Realms])).await.unwrap();
    auditor.api.create_realm(&new).await.unwrap();
    assert_eq!(
        code(root.create_api_key(&new_key("inspector", &one)).await),
        "invalid",
        "it is no role of the realm"
    );
    assert_eq!(code(root.delete_global_role("inspector").await), "in_use");
    // A role of a realm with the same name is another role.
    let namesake = one.key("inspector", &[P::Users]).await;
    assert_eq!(
        code(root.create_api_key(&new_key("inspector", &two)).await),
        "invalid",
        "nor is another realm's"
    );
    root.delete_api_key(&auditor.id).await.unwrap();
    root.delete_global_role("inspector").await.unwrap();
    namesake.api.users(&one.realm, &[]).await.unwrap();
    assert_eq!(code(namesake.api.events(&one.realm, &[]).await), "forbidden");
}

#[tokio::test]
async fn a_key_that_contradicts_itself_is_not_made() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let (realm, client, stranger) =
        (Some(stage.realm.clone()), Some(stage.client().await), Stage::set(&pod).await);
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
    let from = |nets: &[&str]| NewApiKey {
        sources: nets.iter().map(ToString::to_string).collect(),
        ..new_key(roles::REALM_ADMIN, &stage)
    };
    for (nets, works) in [
        (&["10.0.0.0/8"][..], false),
        (&["2001:db8::/32", "192.0.2.0/24"], false),
        (&["10.0.0.0/8", "127.0.0.0/8", "::1/128"], true),
    ] {
        let key = Key::made(&stage.root, &from(nets)).await;
        assert_eq!(stage.root.api_key(&key.id).await.unwrap().sources, nets);
        for _ in 0..2 {
            let asked = key.api.clients(&stage.realm).await;
            assert_eq!(asked.is_ok(), works, "{nets:?}: {asked:?}");
            assert!(works || code(asked) == "unauthorized");
        }
        assert_eq!(
            stage.root.api_key(&key.id).await.unwrap().last_used_at.is_some(),
            works,
            "a refused key was not used"
        );
        let next = stage.root.rotate_api_key(&key.id, &RotateApiKey::default()).await.unwrap();
        assert_eq!(next.sources, nets);
        assert_eq!(
            stage.root.with_key(next.secret.as_deref().unwrap()).clients(&stage.realm).await.is_ok(),
            works
        );
    }
}
