//! `Idempotency-Key`: a request that is repeated because its answer was lost takes effect once.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_api::{
    ApiClient, Confirm, Login, NewApiKey, NewClient, NewEnrolment, NewLogin, RotateApiKey, roles,
};
use countersign_sdk::Command;

use crate::support::{Key, Page, Pod, Stage, claim, code};

fn saying(text: &str) -> NewLogin {
    NewLogin { text: Some(text.into()), ..NewLogin::default() }
}

async fn create(api: &ApiClient, stage: &Stage, text: &str) -> Result<Login, countersign_api::ApiError> {
    api.create_login(&stage.realm, &saying(text)).await
}

#[tokio::test]
async fn a_repeated_login_is_the_same_login_with_the_same_page_token() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut phone = stage.phone("alice").await.connect().await;
    let once = stage.api.once("order 1");
    let first = create(&once, &stage, "one").await.unwrap();
    assert_eq!(create(&once, &stage, "one").await.unwrap(), first, "page token and all");
    for (other, what) in [("two", "another text"), ("", "no text")] {
        let asked = if other.is_empty() {
            once.create_login(&stage.realm, &NewLogin::default()).await
        } else {
            create(&once, &stage, other).await
        };
        assert_eq!(code(asked), "idempotency_key_reused", "{what}");
    }
    assert_ne!(create(&stage.api.once("order 2"), &stage, "one").await.unwrap().id, first.id);
    assert_ne!(create(&stage.api, &stage, "one").await.unwrap().id, first.id);
    let prompt = claim(&mut phone, &Page::open(&first).await.qr().await).await.unwrap();
    let claimed = create(&once, &stage, "one").await.unwrap();
    assert_eq!((claimed.v, &claimed.page_token), (2, &first.page_token), "as it is now");
    phone.do_it(&Command::approve(&prompt)).await.unwrap();
    assert_eq!(create(&once, &stage, "one").await.unwrap().v, 3);
    assert_eq!(code(create(&once, &stage, "two").await), "idempotency_key_reused");
    assert_eq!(Page::open(&claimed).await.next().await.unwrap()["state"], "approved");
}

#[tokio::test]
async fn the_same_key_of_another_client_realm_or_route_is_another_request() {
    let pod = Pod::start();
    let (stage, elsewhere) = (Stage::set(&pod).await, Stage::set(&pod).await);
    let neighbour = Stage::client_in(&stage.root, &stage.realm, "neighbour").await;
    let mut ids = std::collections::BTreeSet::new();
    for (api, at) in [(&stage.api, &stage), (&neighbour.api, &stage), (&elsewhere.api, &elsewhere)] {
        let login = create(&api.once("1"), at, "one").await.unwrap();
        assert!(ids.insert(login.id.clone()));
        assert_eq!(api.login(&at.realm, &login.id, 0, 0).await.unwrap().state, login.state);
    }
    let enrolment = NewEnrolment::new("alice".into(), Confirm::Number);
    assert!(ids.insert(stage.api.once("1").create_enrolment(&stage.realm, &enrolment).await.unwrap().id));
    for realm in [&stage.realm, &elsewhere.realm] {
        let login =
            stage.root.once("1").acting_for("shop").create_login(realm, &saying("one")).await.unwrap();
        assert!(ids.contains(&login.id), "who acts for a client is that client");
    }
}

#[tokio::test]
async fn a_retry_after_a_rotation_is_still_the_same_request() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let first = create(&stage.api.once("1"), &stage, "one").await.unwrap();
    let next = stage.api.rotate_own_api_key(&RotateApiKey::default()).await.unwrap();
    let rotated = stage.api.with_key(next.secret.as_deref().unwrap());
    assert_eq!(create(&rotated.once("1"), &stage, "one").await.unwrap(), first);
}

#[tokio::test]
async fn of_identical_requests_at_the_same_time_one_makes_something() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    for round in 0..5 {
        let once = stage.api.once(&format!("at once {round}"));
        let all = futures_util::future::join_all((0..4).map(|_| create(&once, &stage, "one"))).await;
        let first = all[0].as_ref().unwrap();
        assert!(all.iter().all(|l| l.as_ref().unwrap() == first), "{all:?}");
        let user = format!("user{round}");
        let new = NewEnrolment::new(user.clone(), Confirm::Number);
        let all =
            futures_util::future::join_all((0..4).map(|_| once.create_enrolment(&stage.realm, &new))).await;
        let (made, late): (Vec<_>, Vec<_>) = all.into_iter().partition(Result::is_ok);
        assert_eq!(made.len(), 1);
        assert!(late.into_iter().all(|l| code(l) == "secret_already_issued"));
        let there = stage.api.enrolments(&stage.realm, &[]).await.unwrap().items;
        assert_eq!(there.iter().filter(|e| e.user_id == user).count(), 1);
        let client =
            NewClient { name: format!("client{round}"), display_name: "X".into(), ..NewClient::default() };
        let root = stage.root.once("at once");
        let all = futures_util::future::join_all((0..4).map(|_| {
            let root = if round == 0 { root.clone() } else { stage.root.once(&format!("at once {round}")) };
            let (client, realm) = (client.clone(), stage.realm.clone());
            async move { root.create_client(&realm, &client).await }
        }))
        .await;
        let first = all[0].as_ref().unwrap();
        assert!(all.iter().all(|c| c.as_ref().unwrap() == first), "{all:?}");
    }
    assert_eq!(stage.root.clients(&stage.realm).await.unwrap().len(), 6, "the shop and five");
}

#[tokio::test]
async fn what_gives_out_a_secret_gives_it_out_once() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let (root, realm) = (&stage.root, stage.realm.as_str());
    let new = |user: &str| NewEnrolment::new(user.into(), Confirm::Number);
    let once = stage.api.once("1");
    once.create_enrolment(realm, &new("alice")).await.unwrap();
    assert_eq!(code(once.create_enrolment(realm, &new("alice")).await), "secret_already_issued");
    assert_eq!(code(once.create_enrolment(realm, &new("bob")).await), "idempotency_key_reused");
    assert_eq!(stage.api.enrolments(realm, &[]).await.unwrap().items.len(), 1);

    let new = |name: &str| NewApiKey {
        role: roles::REALM_ADMIN.into(),
        realm: Some(realm.to_owned()),
        name: Some(name.into()),
        ..NewApiKey::default()
    };
    let admin = Key::made(root, &new("admin")).await;
    let keys = root.api_keys().await.unwrap().items.len();
    let once = admin.api.once("1");
    let made = once.create_api_key(&new("one")).await.unwrap();
    assert_eq!(code(once.create_api_key(&new("one")).await), "secret_already_issued");
    assert_eq!(code(once.create_api_key(&new("two")).await), "idempotency_key_reused");
    once.rotate_api_key(&made.id, &RotateApiKey::default()).await.unwrap();
    let later = RotateApiKey { overlap: Some(5), expires_in: None };
    assert_eq!(code(once.rotate_api_key(&made.id, &RotateApiKey::default()).await), "secret_already_issued");
    assert_eq!(code(once.rotate_api_key(&made.id, &later).await), "idempotency_key_reused");
    once.rotate_own_api_key(&RotateApiKey::default()).await.unwrap();
    assert_eq!(code(once.rotate_own_api_key(&RotateApiKey::default()).await), "secret_already_issued");
    assert_eq!(root.api_keys().await.unwrap().items.len(), keys + 3, "one made, two rotated");
}

#[tokio::test]
async fn what_was_made_and_deleted_is_not_made_again() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let once = stage.root.once("1");
    let client = NewClient { name: "more".into(), display_name: "More".into(), ..NewClient::default() };
    let key = NewApiKey {
        role: roles::REALM_ADMIN.into(),
        realm: Some(stage.realm.clone()),
        ..NewApiKey::default()
    };
    let made = once.create_client(&stage.realm, &client).await.unwrap();
    stage.root.delete_client(&stage.realm, &made.id).await.unwrap();
    assert_eq!(code(once.create_client(&stage.realm, &client).await), "already_exists");
    let made = once.create_api_key(&key).await.unwrap();
    stage.root.delete_api_key(&made.id).await.unwrap();
    assert_eq!(code(once.create_api_key(&key).await), "secret_already_issued");
}

#[tokio::test]
async fn a_repeated_client_is_the_same_client() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let new = |name: &str, shown: &str| NewClient {
        name: name.into(),
        display_name: shown.into(),
        ..NewClient::default()
    };
    let once = stage.root.once("1");
    let first = once.create_client(&stage.realm, &new("bank", "Bank")).await.unwrap();
    assert_eq!(once.create_client(&stage.realm, &new("bank", "Bank")).await.unwrap(), first);
    for other in [new("bank", "Other"), new("other", "Bank")] {
        assert_eq!(code(once.create_client(&stage.realm, &other).await), "idempotency_key_reused");
    }
    assert_eq!(
        code(stage.root.once("2").create_client(&stage.realm, &new("bank", "Bank")).await),
        "already_exists"
    );
    assert_eq!(code(stage.root.create_client(&stage.realm, &new("bank", "Bank")).await), "already_exists");
    assert_eq!(stage.root.clients(&stage.realm).await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_identity_is_given_again_to_the_request_that_had_it_and_to_no_other() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut phone = stage.phone("alice").await.connect().await;
    let login = stage.approved(&mut phone).await;
    let redeem = async |api: &ApiClient| api.redeem(&stage.realm, &login.id, None).await;
    let once = stage.api.once("1");
    let first = redeem(&once).await.unwrap();
    assert_eq!(redeem(&once).await.unwrap(), first);
    for other in [&stage.api, &stage.api.once("2"), &stage.root.once("1")] {
        assert_eq!(code(redeem(other).await), "already_redeemed");
    }
    stage.api.logout(&stage.realm, &login.id).await.unwrap();
    assert_eq!(code(redeem(&once).await), "not_approved", "what has ended is not told again");

    let plain = stage.approved(&mut phone).await;
    stage.api.redeem(&stage.realm, &plain.id, None).await.unwrap();
    assert_eq!(
        code(once.redeem(&stage.realm, &plain.id, None).await),
        "already_redeemed",
        "had without a key"
    );

    let by_link = stage.new_login().await;
    let prompt = claim(&mut phone, &Page::open(&by_link).await.link().await).await.unwrap();
    phone.do_it(&Command::approve(&prompt)).await.unwrap();
    let token = URL_SAFE_NO_PAD.encode(prompt.return_to.unwrap().1.0);
    let first = once.redeem(&stage.realm, &by_link.id, Some(&token)).await.unwrap();
    assert_eq!(once.redeem(&stage.realm, &by_link.id, Some(&token)).await.unwrap(), first);
    for wrong in [None, Some("AAAAAAAAAAAAAAAAAAAAAA")] {
        assert_eq!(
            code(once.redeem(&stage.realm, &by_link.id, wrong).await),
            "idempotency_key_reused",
            "{wrong:?}"
        );
    }
}

#[tokio::test]
async fn a_request_that_was_refused_has_not_used_its_key_up() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut phone = stage.phone("alice").await.connect().await;
    let (login, prompt) = stage.claimed(&mut phone).await;
    let once = stage.api.once("1");
    assert_eq!(code(once.redeem(&stage.realm, &login.id, None).await), "not_approved");
    phone.do_it(&Command::approve(&prompt)).await.unwrap();
    once.redeem(&stage.realm, &login.id, None).await.unwrap();
    assert_eq!(code(create(&once, &stage, "hidden\u{200b}").await), "invalid");
    create(&once, &stage, "plain").await.unwrap();
}

#[tokio::test]
async fn a_key_that_is_no_visible_text_is_malformed_and_does_nothing() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let url = format!("{}/v1/realms/{}/clients", pod.url("rest"), stage.realm);
    let ask = async |key: &[u8]| {
        let request =
            reqwest::Client::new().post(&url).bearer_auth(pod.root_key()).header("Idempotency-Key", key);
        let body = r#"{"name":"more","display_name":"More"}"#;
        request.header("Content-Type", "application/json").body(body).send().await.unwrap().status().as_u16()
    };
    for bad in [&b""[..], &[b'x'; 256], "zoë".as_bytes(), b"tab\tbed"] {
        assert_eq!(ask(bad).await, 400, "{bad:?}");
    }
    assert_eq!(stage.root.clients(&stage.realm).await.unwrap().len(), 1, "the shop");
    for _ in 0..2 {
        assert_eq!(ask(&[b'x'; 255]).await, 201);
    }
}
