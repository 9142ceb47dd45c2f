//! Logins, from the request to the identity.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_api::{LoginState, NewLogin};
use countersign_channel::p256;
use countersign_protocol::{cbor, decision, frames::Context};
use countersign_sdk::{Answer, Command, Refusal, RefuseReason};
use countersign_sim::PhoneError;

use crate::{
    stories,
    support::{Page, Pod, RETURN_URL, Stage, claim, code},
};

fn fixed<const N: usize>(text: &str) -> [u8; N] {
    URL_SAFE_NO_PAD.decode(text).unwrap().try_into().unwrap()
}

#[tokio::test]
async fn a_login_by_qr_code_gives_the_client_a_verifiable_identity_once() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let mut online = phone.connect().await;
    let login = stage.new_login().await;
    assert_eq!((login.state, login.v), (LoginState::Pending, 1));
    let mut page = Page::open(&login).await;
    let first = page.next().await.unwrap();
    assert_eq!((first["type"].as_str(), first["state"].as_str()), (Some("state"), Some("pending")));
    let prompt = claim(&mut online, &page.qr().await).await.unwrap();
    assert_eq!(
        (
            prompt.client_name.as_str(),
            prompt.realm_name.as_str(),
            prompt.text.as_deref(),
            prompt.browser.as_deref()
        ),
        ("Example Shop", "Example Realm", Some("Log in to the shop"), Some("Firefox on Linux"))
    );
    assert_eq!(code(stage.api.redeem(&stage.realm, &login.id, None).await), "not_approved");
    online.do_it(&Command::approve(&prompt)).await.unwrap();
    page.until(LoginState::Approved).await;
    let identity = stage.api.redeem(&stage.realm, &login.id, None).await.unwrap();
    assert_eq!((identity.user_id.as_str(), &identity.account_id), ("alice", &phone.account.id));
    let parsed = decision::parse(&identity.decision).unwrap();
    let key: [u8; 65] = fixed(&identity.public_key);
    p256::verify(&key, parsed.signing_input.as_bytes(), &parsed.signature).unwrap();
    let context: Context = cbor::decode(&URL_SAFE_NO_PAD.decode(&identity.context).unwrap()).unwrap();
    assert_eq!(
        (context.login.to_string(), context.client_name),
        (login.id.clone(), "Example Shop".to_owned())
    );
    assert_eq!(code(stage.api.redeem(&stage.realm, &login.id, None).await), "already_redeemed");
}

#[tokio::test]
async fn everybody_learns_at_once() {
    stories::everybody_learns_at_once(&Pod::with(&[], &[("COUNTERSIGN_WAIT_SAFETY_POLL_MS", "60000")])).await;
}

#[tokio::test]
async fn one_login_has_one_claimant() {
    stories::one_login_has_one_claimant(&Pod::start()).await;
}

#[tokio::test]
async fn one_login_has_one_outcome() {
    stories::one_login_has_one_outcome(&Pod::start()).await;
}

#[tokio::test]
async fn an_acknowledged_approval_survives_a_crash() {
    stories::an_acknowledged_approval_survives_a_crash(Pod::start()).await;
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn a_login_expires_for_everybody() {
    stories::a_login_expires_for_everybody(&Pod::with(&[], &[("COUNTERSIGN_WAIT_SAFETY_POLL_MS", "60000")]))
        .await;
}

#[tokio::test]
async fn a_login_by_link_is_redeemed_only_with_what_the_phone_gave_the_browser() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut phone = stage.phone("alice").await.connect().await;
    let login = stage.new_login().await;
    let link = Page::open(&login).await.link().await;
    let prompt = claim(&mut phone, &link).await.unwrap();
    let (url, token) = prompt.return_to.clone().unwrap();
    assert_eq!(url, RETURN_URL);
    phone.do_it(&Command::approve(&prompt)).await.unwrap();
    for wrong in [None, Some("AAAAAAAAAAAAAAAAAAAAAA"), Some("nonsense")] {
        assert_eq!(code(stage.api.redeem(&stage.realm, &login.id, wrong).await), "wrong_return_token");
    }
    let token = URL_SAFE_NO_PAD.encode(token.0);
    assert_eq!(stage.api.redeem(&stage.realm, &login.id, Some(&token)).await.unwrap().user_id, "alice");
}

#[tokio::test]
async fn a_return_token_counts_for_its_own_login_only() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut phone = stage.phone("alice").await.connect().await;
    let mut approved = Vec::new();
    for _ in 0..2 {
        let login = stage.new_login().await;
        let prompt = claim(&mut phone, &Page::open(&login).await.link().await).await.unwrap();
        phone.do_it(&Command::approve(&prompt)).await.unwrap();
        approved.push((login, URL_SAFE_NO_PAD.encode(prompt.return_to.unwrap().1.0)));
    }
    let [(one, its), (two, other)] = &approved[..] else { panic!("two logins") };
    for (login, token) in [(one, other), (two, its)] {
        assert_eq!(code(stage.api.redeem(&stage.realm, &login.id, Some(token)).await), "wrong_return_token");
    }
    for (login, token) in &approved {
        stage.api.redeem(&stage.realm, &login.id, Some(token)).await.unwrap();
    }
}

#[tokio::test]
async fn a_code_of_another_deployment_is_not_genuine() {
    let (here, there) = (Pod::start(), Pod::start());
    let (stage, elsewhere) = (Stage::set(&here).await, Stage::set(&there).await);
    let mut phone = stage.phone("alice").await.connect().await;
    let login = elsewhere.new_login().await;
    let mut page = Page::open(&login).await;
    for text in [page.link().await, page.qr().await] {
        let claimed = claim(&mut phone, &text).await;
        assert!(matches!(claimed, Err(PhoneError::Refused(Refusal::BadCapability))), "{claimed:?}");
    }
    assert_eq!(elsewhere.look(&login).await.state, LoginState::Pending);
}

#[tokio::test]
async fn a_refusal_reaches_page_and_client_with_its_reason() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut phone = stage.phone("alice").await.connect().await;
    for (reason, text) in [(RefuseReason::NotMe, "not_me"), (RefuseReason::Declined, "declined")] {
        let (login, prompt) = stage.claimed(&mut phone).await;
        let mut page = Page::open(&login).await;
        phone.do_it(&Command::refuse(&prompt, reason)).await.unwrap();
        assert_eq!(page.until(LoginState::Refused).await["reason"], text);
        assert_eq!(page.next().await, Err(1000), "nothing changes any more");
        let seen = stage.look(&login).await;
        assert_eq!((seen.state, seen.reason.as_deref()), (LoginState::Refused, Some(text)));
        assert_eq!(code(stage.api.redeem(&stage.realm, &login.id, None).await), "not_approved");
        assert!(matches!(
            phone.do_it(&Command::approve(&prompt)).await,
            Err(PhoneError::Refused(Refusal::AlreadyDecided))
        ));
    }
}

#[tokio::test]
async fn phone_and_client_can_each_end_a_login_and_the_other_learns_of_it() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut phone = stage.phone("alice").await.connect().await;
    let by_phone = stage.approved(&mut phone).await;
    let mut page = Page::open(&by_phone).await;
    phone.do_it(&Command::logout(by_phone.id.parse().unwrap())).await.unwrap();
    assert_eq!(page.until(LoginState::Ended).await["reason"], "phone");
    let seen = stage.look(&by_phone).await;
    assert_eq!((seen.state, seen.v, seen.reason.as_deref()), (LoginState::Ended, 4, Some("phone")));
    assert_eq!(code(stage.api.redeem(&stage.realm, &by_phone.id, None).await), "not_approved");

    let by_client = stage.approved(&mut phone).await;
    stage.api.logout(&stage.realm, &by_client.id).await.unwrap();
    phone.until(countersign_sdk::LoginState::Ended).await.unwrap();
    assert_eq!(stage.look(&by_client).await.reason.as_deref(), Some("client"));
    let Answer::Logins(left) = phone.do_it(&Command::list()).await.unwrap() else { panic!("a list") };
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_cancelled_login_is_over_for_the_phone_that_has_it() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut phone = stage.phone("alice").await.connect().await;
    let (login, prompt) = stage.claimed(&mut phone).await;
    stage.api.cancel_login(&stage.realm, &login.id).await.unwrap();
    phone.until(countersign_sdk::LoginState::Cancelled).await.unwrap();
    assert!(matches!(
        phone.do_it(&Command::approve(&prompt)).await,
        Err(PhoneError::Refused(Refusal::Cancelled))
    ));
    assert_eq!(code(stage.api.cancel_login(&stage.realm, &login.id).await), "already_decided");
}

#[tokio::test]
async fn a_lost_answer_is_had_again_with_the_same_request_and_only_with_it() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let mut first = phone.connect().await;
    let (_, prompt) = stage.claimed(&mut first).await;
    let approve = Command::approve(&prompt);
    first.do_it(&approve).await.unwrap();
    drop(first);
    let mut again = phone.connect().await;
    assert!(matches!(
        again.do_it(&approve).await.unwrap(),
        Answer::Decided { state: countersign_sdk::LoginState::Approved, .. }
    ));
    let other = Command::refuse(&prompt, RefuseReason::Declined);
    assert!(matches!(again.do_it(&other).await, Err(PhoneError::Refused(Refusal::AlreadyDecided))));
}

#[tokio::test]
async fn the_expected_user_and_nobody_else_can_claim() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let (mut alice, mut mallory) =
        (stage.phone("alice").await.connect().await, stage.phone("mallory").await.connect().await);
    let login = stage
        .api
        .create_login(&stage.realm, &NewLogin { expected_user: Some("alice".into()), ..NewLogin::default() })
        .await
        .unwrap();
    let mut page = Page::open(&login).await;
    assert!(matches!(
        claim(&mut mallory, &page.qr().await).await,
        Err(PhoneError::Refused(Refusal::WrongUser))
    ));
    claim(&mut alice, &page.qr().await).await.unwrap();
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn a_qr_code_lives_five_seconds_and_the_time_to_redeem_two_minutes() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut phone = stage.phone("alice").await.connect().await;
    let login = stage.new_login().await;
    let old = Page::open(&login).await.qr().await;
    pod.later(7).await;
    assert!(matches!(claim(&mut phone, &old).await, Err(PhoneError::Refused(Refusal::StaleQr))));
    let prompt = claim(&mut phone, &Page::open(&login).await.qr().await).await.unwrap();
    claim(&mut phone, &old).await.expect("whoever has the login already gets the same answer");
    phone.do_it(&Command::approve(&prompt)).await.unwrap();
    pod.later(121).await;
    assert_eq!(code(stage.api.redeem(&stage.realm, &login.id, None).await), "too_late");
    pod.later(8 * 3600).await;
    let seen = stage.look(&login).await;
    assert_eq!((seen.state, seen.reason.as_deref()), (LoginState::Ended, Some("lifetime")));
}

#[tokio::test]
async fn codes_of_another_login_or_realm_are_not_genuine() {
    let pod = Pod::start();
    let (stage, other) = (Stage::set(&pod).await, Stage::set(&pod).await);
    let mut phone = stage.phone("alice").await.connect().await;
    let foreign = other.new_login().await;
    let qr = Page::open(&foreign).await.qr().await;
    assert!(
        matches!(claim(&mut phone, &qr).await, Err(PhoneError::Refused(Refusal::BadCapability))),
        "another realm's code"
    );
    let (mine, yours) = (stage.new_login().await, stage.new_login().await);
    let text = Page::open(&mine).await.qr().await;
    let mut command = Command::scanned(&countersign_sdk::Link::parse(&text).unwrap()).unwrap();
    if let Command::Claim { login, .. } = &mut command {
        *login = yours.id.parse().unwrap();
    }
    assert!(
        matches!(phone.do_it(&command).await, Err(PhoneError::Refused(Refusal::BadCapability))),
        "another login's code"
    );
}
