//! Logins that need a second factor: NS, SFS and a phone that goes between them.

use countersign_api::{
    EnrolmentFactor, FactorKind, LoginState, NewLogin, PutApp, RealmSettings, SecondFactor, TrustedSfs,
};
use countersign_channel::{p256, random};
use countersign_sdk::{Command, FactorProof, KeyStore, Prompt, Refusal, RefuseReason, ReqId};
use countersign_sim::{PhoneError, factor::SfsOnline};

use super::{
    device::{Device, typed},
    scene::{NAMES, PIN, Phone, change, claimed, join, new_login, pin, prove, refused, stage, trust},
};
use crate::support::{Page, Pod, claim, code};

#[tokio::test]
async fn a_login_that_needs_a_pin_is_approved_with_one_and_the_client_learns_of_it() {
    let pod = Pod::start();
    let stage = stage(&pod, EnrolmentFactor::Required).await;
    let phone = Phone::enrol(&pod, &stage, "alice").await;
    let mut online = phone.connect().await;
    let (login, mut page, prompt) = claimed(&stage, &mut online, Some(pin(0))).await;
    let told = page.until(LoginState::Claimed).await;
    assert_eq!(told["second_factor"], "pin", "{told}");
    // Without the PIN there is no approval, and the login stays open.
    assert_eq!(refused(&mut online, &Command::approve(&prompt)).await, Refusal::FactorNeeded);
    let proof = phone.proof(&prompt).await;
    let approve = Command::approve(&prompt).with_factor(proof.clone());
    online.do_it(&approve).await.unwrap();
    let identity = stage.api.redeem(&stage.realm, &login.id, None).await.unwrap();
    let used = identity.second_factor.expect("a second factor");
    assert_eq!((used.kind, used.policy.as_str()), (FactorKind::Pin, "lock"));
    assert_eq!((used.attestation, used.keys), (proof.attestation.clone(), proof.keys.clone()));
    // The same attestation proves nothing for another login, nor a second time for one like it.
    let (_, _, other) = claimed(&stage, &mut online, Some(pin(0))).await;
    let again = Command::approve(&other).with_factor(proof);
    assert_eq!(refused(&mut online, &again).await, Refusal::BadAttestation);
    // A refusal needs no PIN.
    online.do_it(&Command::refuse(&other, RefuseReason::NoSecondFactor)).await.unwrap();
    // A login that needs none takes none.
    let (_, mut page, plain) = claimed(&stage, &mut online, None).await;
    assert_eq!(page.until(LoginState::Claimed).await.get("second_factor"), None);
    online.do_it(&Command::approve(&plain)).await.unwrap();
    let (_, metrics) = pod.admin("/metrics").await;
    for (result, n) in [("proven", 2), ("refused", 1), ("missing", 1)] {
        let line = format!("countersign_second_factors_total{{result=\"{result}\",service=\"ns\"}} {n}");
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
    let events = stage.root.events(&stage.realm, &[("action", "login.approved")]).await.unwrap();
    let details: Vec<_> = events.items.into_iter().map(|event| event.detail).collect();
    assert_eq!(details, [Some("pin".to_owned()), None]);
}

#[tokio::test]
async fn a_lost_connection_between_claim_and_approval_costs_no_second_pin() {
    let pod = Pod::start();
    let stage = stage(&pod, EnrolmentFactor::Required).await;
    let phone = Phone::enrol(&pod, &stage, "alice").await;
    let mut online = phone.connect().await;
    let login = new_login(&stage, Some(pin(0))).await;
    let code = Page::open(&login).await.qr().await;
    let prompt = claim(&mut online, &code).await.unwrap();
    let proof = phone.proof(&prompt).await;
    drop(online);
    let mut online = phone.connect().await;
    let again = claim(&mut online, &code).await.unwrap();
    assert_eq!(again.factor, prompt.factor, "the challenge is the same");
    online.do_it(&Command::approve(&again).with_factor(proof)).await.unwrap();
    assert_eq!(stage.look(&login).await.state, LoginState::Approved);
}

#[tokio::test]
async fn an_enrolment_brings_a_factor_where_the_realm_requires_one_and_none_where_it_wants_none() {
    let pod = Pod::start();
    let stage = stage(&pod, EnrolmentFactor::Required).await;
    let device = Device::with_pin(&pod, PIN).await;
    let (joining, key) = join(&stage, &device, "alice").await;
    let (_, asked) = joining.factor.clone().unwrap();
    let bare = joining.accept(&key, NAMES, ReqId(random()), None).await.map(|_| ());
    assert!(matches!(bare, Err(PhoneError::Refused(Refusal::FactorNeeded))), "{bare:?}");
    // An attestation over the challenge of another connection is none for this one.
    let stale = prove(&device, &key, &asked).await;
    let (joining, key) = join(&stage, &device, "bob").await;
    let replayed = joining.accept(&key, NAMES, ReqId(random()), Some(&stale)).await.map(|_| ());
    assert!(matches!(replayed, Err(PhoneError::Refused(Refusal::BadAttestation))), "{replayed:?}");
    let phone = Phone::enrol(&pod, &stage, "carol").await;
    change(
        &stage,
        RealmSettings { enrolment_factor: Some(EnrolmentFactor::None), ..RealmSettings::default() },
    )
    .await;
    let (joining, key) = join(&stage, &device, "dave").await;
    assert_eq!(joining.factor, None, "nobody asks");
    let unasked = joining.accept(&key, NAMES, ReqId(random()), Some(&stale)).await.map(|_| ());
    assert!(matches!(unasked, Err(PhoneError::Refused(Refusal::BadAttestation))), "{unasked:?}");
    // A phone without a factor cannot claim what needs one; one with a factor can.
    let dave = stage.phone("dave").await;
    let login = new_login(&stage, Some(pin(0))).await;
    let code = Page::open(&login).await.qr().await;
    let without = claim(&mut dave.connect().await, &code).await.map(|_| ());
    assert!(matches!(without, Err(PhoneError::Refused(Refusal::FactorNeeded))), "{without:?}");
    let code = Page::open(&login).await.qr().await;
    claim(&mut phone.connect().await, &code).await.unwrap();
}

#[tokio::test]
async fn realm_client_and_login_ask_and_the_stricter_one_is_heard() {
    let pod = Pod::start();
    let stage = stage(&pod, EnrolmentFactor::Required).await;
    let phone = Phone::enrol(&pod, &stage, "alice").await;
    let mut online = phone.connect().await;
    let asked = |prompt: &Prompt| prompt.factor.as_ref().map(|f| f.max_age);
    change(&stage, RealmSettings { second_factor: Some(pin(60)), ..RealmSettings::default() }).await;
    let (_, _, prompt) = claimed(&stage, &mut online, None).await;
    assert_eq!(asked(&prompt), Some(60));
    let (_, _, prompt) = claimed(&stage, &mut online, Some(pin(0))).await;
    assert_eq!(asked(&prompt), Some(0));
    let (_, _, prompt) = claimed(&stage, &mut online, Some(SecondFactor::default())).await;
    assert_eq!(asked(&prompt), Some(60), "a login cannot ask for less");
    change(
        &stage,
        RealmSettings { second_factor: Some(SecondFactor::default()), ..RealmSettings::default() },
    )
    .await;
    let mut client = stage.root.clients(&stage.realm).await.unwrap().remove(0);
    client.second_factor = Some(pin(30));
    stage.root.put_client(&stage.realm, &client.id, &(&client).into()).await.unwrap();
    let (_, _, prompt) = claimed(&stage, &mut online, Some(pin(120))).await;
    assert_eq!(asked(&prompt), Some(30));
    let tooold = NewLogin { second_factor: Some(pin(301)), ..NewLogin::default() };
    assert_eq!(code(stage.api.create_login(&stage.realm, &tooold).await), "invalid");
    let twice = SecondFactor { kinds: vec![FactorKind::Pin, FactorKind::Pin], max_age: 0 };
    let twice = NewLogin { second_factor: Some(twice), ..NewLogin::default() };
    assert_eq!(code(stage.api.create_login(&stage.realm, &twice).await), "invalid");
}

#[tokio::test]
async fn a_root_that_is_removed_and_a_key_that_is_killed_end_every_proof_at_once() {
    let pod = Pod::start();
    let stage = stage(&pod, EnrolmentFactor::Required).await;
    let phone = Phone::enrol(&pod, &stage, "alice").await;
    let mut online = phone.connect().await;
    let root = pod.ready.sfs_root.clone().unwrap();
    let (_, _, prompt) = claimed(&stage, &mut online, Some(pin(0))).await;
    let proof = phone.proof(&prompt).await;
    let kid = countersign_protocol::attestation::parse(&proof.attestation).unwrap().kid;
    let kid = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, kid.0);
    let approve = Command::approve(&prompt).with_factor(proof);
    trust(&stage, &root, &[kid]).await;
    assert_eq!(refused(&mut online, &approve).await, Refusal::BadAttestation, "killed");
    let other = base64::Engine::encode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        p256::SigningKey::generate().public(),
    );
    trust(&stage, &other, &[]).await;
    assert_eq!(refused(&mut online, &approve).await, Refusal::BadAttestation, "another root");
    trust(&stage, &root, &[]).await;
    let sfs = vec![TrustedSfs { root: root.clone(), name: None, killed: Vec::new() }];
    let put = PutApp { display_name: "Another app".into(), min_version: None, sfs };
    stage.root.put_app(&stage.realm, "another-app", &put).await.unwrap();
    trust(&stage, &other, &[]).await;
    assert_eq!(refused(&mut online, &approve).await, Refusal::BadAttestation, "another app's");
    trust(&stage, &root, &[]).await;
    online.do_it(&approve).await.unwrap();
}

#[tokio::test]
async fn a_stolen_account_key_with_the_thiefs_own_pin_gets_nothing() {
    let pod = Pod::start();
    let stage = stage(&pod, EnrolmentFactor::Required).await;
    let phone = Phone::enrol(&pod, &stage, "alice").await;
    // The thief has the account's key, and a PIN at the same SFS with a key of their own.
    let thief = Device::with_pin(&pod, PIN).await;
    let mut online = phone.connect().await;
    let (login, _, prompt) = claimed(&stage, &mut online, Some(pin(0))).await;
    let asked = prompt.factor.as_ref().unwrap();
    let (r, ctx) = asked.context(&p256::thumbprint(&phone.device.keys.public(&phone.account.key).unwrap()));
    let mut sfs = thief.connect().await;
    let own = sfs.prove_and_attest(&typed(PIN), None, ctx).await.unwrap();
    let proof = FactorProof { attestation: own.attestation, keys: own.keys, r };
    let approve = Command::approve(&prompt).with_factor(proof);
    assert_eq!(refused(&mut online, &approve).await, Refusal::BadAttestation);
    let foreign = sfs.prove_and_attest(&typed(PIN), asked.factor(), ctx).await.map(|_| ());
    assert!(matches!(foreign, Err(PhoneError::Refused(Refusal::UnknownFactor))), "{foreign:?}");
    assert_eq!(stage.look(&login).await.state, LoginState::Claimed);
}

#[tokio::test]
async fn without_sfs_logins_that_need_no_factor_go_on_and_those_that_do_say_so() {
    let pod = Pod::start();
    let stage = stage(&pod, EnrolmentFactor::Required).await;
    let phone = Phone::enrol(&pod, &stage, "alice").await;
    let mut online = phone.connect().await;
    let (_, mut page, prompt) = claimed(&stage, &mut online, Some(pin(0))).await;
    // A phone whose SFS cannot be reached.
    let mut away = phone.device.device.clone();
    away.server.url = "ws://127.0.0.1:1/sfs/sigmai".into();
    let unreachable = SfsOnline::connect(&away, phone.device.keys.clone()).await.map(|_| ());
    assert!(matches!(unreachable, Err(PhoneError::Unreachable(_))), "{unreachable:?}");
    online.do_it(&Command::refuse(&prompt, RefuseReason::NoSecondFactor)).await.unwrap();
    let told = page.until(LoginState::Refused).await;
    assert_eq!(told["reason"], "no_second_factor");
    let (login, _, prompt) = claimed(&stage, &mut online, None).await;
    online.do_it(&Command::approve(&prompt)).await.unwrap();
    let identity = stage.api.redeem(&stage.realm, &login.id, None).await.unwrap();
    assert_eq!(identity.second_factor, None);
}
