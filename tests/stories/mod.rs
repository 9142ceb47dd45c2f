//! What people do, as functions of a running pod. `login`, `enrolment` and `accounts` run these
//! stories on a correct pod, where they must succeed; `sabotage` runs them on pods that violate a
//! guarantee, where they must fail.

pub mod sfs;

use std::time::Duration;

use countersign_api::{Confirm, LoginState};
use countersign_sdk::{Answer, Command, Refusal};
use countersign_sim::PhoneError;
use tokio::time::timeout;

use crate::support::{Page, Phone, Pod, Stage, claim, code};

/// Longer than any wake-up takes, shorter than the safety poll of a pod started for this.
const SOON: Duration = Duration::from_secs(3);

/// Page and client receive claim and approval at once, not at the next poll. The pod must be
/// started with a long safety poll.
pub async fn everybody_learns_at_once(pod: &Pod) {
    let stage = Stage::set(pod).await;
    let mut phone = stage.phone("alice").await.connect().await;
    let login = stage.new_login().await;
    let mut page = Page::open(&login).await;
    let qr = page.qr().await;
    let (api, realm, id) = (stage.api.clone(), stage.realm.clone(), login.id.clone());
    let waiting = tokio::spawn(async move { api.login(&realm, &id, 30, 2).await });
    let prompt = claim(&mut phone, &qr).await.unwrap();
    timeout(SOON, page.until(LoginState::Claimed)).await.expect("the page learns of the claim at once");
    phone.do_it(&Command::approve(&prompt)).await.unwrap();
    timeout(SOON, page.until(LoginState::Approved)).await.expect("the page learns of the approval at once");
    let seen =
        timeout(SOON, waiting).await.expect("the client learns of the approval at once").unwrap().unwrap();
    assert_eq!((seen.state, seen.v), (LoginState::Approved, 3));
}

/// Of two phones that scan one code, one claims the login and the other is refused with
/// [`Refusal::AlreadyClaimed`].
pub async fn one_login_has_one_claimant(pod: &Pod) {
    let stage = Stage::set(pod).await;
    let (mut alice, mut mallory) =
        (stage.phone("alice").await.connect().await, stage.phone("mallory").await.connect().await);
    for _ in 0..5 {
        let login = stage.new_login().await;
        let qr = Page::open(&login).await.qr().await;
        let (a, m) = tokio::join!(claim(&mut alice, &qr), claim(&mut mallory, &qr));
        let refused =
            |r: &Result<_, PhoneError>| matches!(r, Err(PhoneError::Refused(Refusal::AlreadyClaimed)));
        assert!(a.is_ok() && refused(&m) || m.is_ok() && refused(&a), "exactly one of two claims wins");
        assert_eq!(stage.look(&login).await.state, LoginState::Claimed);
    }
}

/// When approval and cancellation race, both sides receive the same outcome; an identity is given
/// out once.
pub async fn one_login_has_one_outcome(pod: &Pod) {
    let stage = Stage::set(pod).await;
    let mut phone = stage.phone("alice").await.connect().await;
    for _ in 0..20 {
        let (login, prompt) = stage.claimed(&mut phone).await;
        let approve = Command::approve(&prompt);
        let (approved, cancelled) =
            tokio::join!(phone.ask(&approve), stage.api.cancel_login(&stage.realm, &login.id));
        let approved = matches!(approved.unwrap(), Answer::Decided { .. });
        assert!(approved != cancelled.is_ok(), "both or neither were told that they won");
        let now = stage.look(&login).await.state;
        assert_eq!(now, if approved { LoginState::Approved } else { LoginState::Cancelled });
    }
    let login = stage.approved(&mut phone).await;
    stage.api.redeem(&stage.realm, &login.id, None).await.unwrap();
    assert_eq!(code(stage.api.redeem(&stage.realm, &login.id, None).await), "already_redeemed");
}

/// An acknowledged approval is still there after a crash.
pub async fn an_acknowledged_approval_survives_a_crash(mut pod: Pod) {
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let login = stage.approved(&mut phone.connect().await).await;
    let after = pod.crash_and_restart();
    let api = countersign_api::ApiClient::new(&after.url("rest"), &after.root_key()).unwrap();
    assert_eq!(api.login(&stage.realm, &login.id, 0, 0).await.unwrap().state, LoginState::Approved);
    let identity = api.redeem(&stage.realm, &login.id, None).await.unwrap();
    assert_eq!(identity.user_id, "alice");
}

/// After two minutes a login has expired for every party: page, client, and a phone that decides
/// late.
#[cfg(feature = "faults")]
pub async fn a_login_expires_for_everybody(pod: &Pod) {
    let stage = Stage::set(pod).await;
    let mut phone = stage.phone("alice").await.connect().await;
    let (login, prompt) = stage.claimed(&mut phone).await;
    let mut page = Page::open(&login).await;
    page.until(LoginState::Claimed).await;
    pod.later(121).await;
    timeout(SOON, page.until(LoginState::Expired))
        .await
        .expect("the page learns of the expiry without asking");
    let late = phone.do_it(&Command::approve(&prompt)).await;
    assert!(matches!(late, Err(PhoneError::Refused(Refusal::Expired))), "{late:?}");
    assert_eq!(stage.look(&login).await.state, LoginState::Expired);
    assert_eq!(code(stage.api.redeem(&stage.realm, &login.id, None).await), "not_approved");
}

/// An enrolment code makes one account.
pub async fn a_code_makes_one_account(pod: &Pod) {
    let stage = Stage::set(pod).await;
    let enrolment = stage.new_enrolment("alice", Confirm::Number).await;
    let link = enrolment.link.as_ref().unwrap();
    Phone::enrol(link).await.unwrap();
    let second = Phone::enrol(link).await.map(|(_, number)| number);
    assert!(matches!(second, Err(PhoneError::Refused(Refusal::BadEnrolment))), "{second:?}");
    assert_eq!(stage.api.accounts(&stage.realm, "alice").await.unwrap().len(), 1);
}
