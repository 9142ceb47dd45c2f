//! An account gets a second factor, or another one, by an enrolment of its own.

use countersign_api::{Confirm, Enrolment, EnrolmentFactor, EnrolmentState, NewEnrolment};
use countersign_channel::random;
use countersign_sdk::{Account, AccountState, Command, KeyHandle, KeyStore, Refusal, ReqId};
use countersign_sim::{Online, PhoneError};

use super::{
    device::Device,
    scene::{NAMES, PIN, Phone, claimed, open, pin, prove, stage},
};
use crate::support::{Pod, Stage, code};

async fn renewal(stage: &Stage, account: &Account, confirm: Confirm) -> Enrolment {
    let new = NewEnrolment {
        factor_of: Some(account.id.clone()),
        ..NewEnrolment::new(account.user.clone(), confirm)
    };
    stage.api.create_enrolment(&stage.realm, &new).await.unwrap()
}

/// Redeems with this key of this device, and the PIN of the device.
async fn redeem(enrolment: &Enrolment, device: &Device, key: &KeyHandle) -> Result<Account, PhoneError> {
    let joining = open(enrolment, device).await?;
    assert_eq!(joining.account.map(|a| a.to_string()), enrolment.factor_of);
    let (_, asked) = joining.factor.clone().expect("a factor is asked for");
    let proof = prove(device, key, &asked).await;
    Ok(joining.accept(key, NAMES, ReqId(random()), Some(&proof)).await?.account)
}

#[tokio::test]
async fn an_account_without_a_factor_gets_one_when_somebody_else_agrees() {
    let pod = Pod::start();
    // New phones need no factor here, but a renewal does.
    let stage = stage(&pod, EnrolmentFactor::None).await;
    let device = Device::with_pin(&pod, PIN).await;
    let first = stage.new_enrolment("alice", Confirm::None).await;
    let (joining, key) = (open(&first, &device).await.unwrap(), device.keys.generate().unwrap());
    let account = joining.accept(&key, NAMES, ReqId(random()), None).await.unwrap().account;
    let phone = Phone { device, account };
    let enrolment = renewal(&stage, &phone.account, Confirm::Admin).await;
    let bare = open(&enrolment, &phone.device).await.unwrap();
    let bare = bare.accept(&key, NAMES, ReqId(random()), None).await.map(|_| ());
    assert!(matches!(bare, Err(PhoneError::Refused(Refusal::FactorNeeded))), "{bare:?}");
    let same = redeem(&enrolment, &phone.device, &key).await.unwrap();
    assert_eq!((&same.id, same.state.as_str()), (&phone.account.id, AccountState::Active.as_str()));
    // Until somebody with the power to let in phones agrees, the account has no factor.
    let mut online = phone.connect().await;
    let refused = super::scene::claim_new(&stage, &mut online, Some(pin(0))).await.map(|_| ());
    assert!(matches!(refused, Err(PhoneError::Refused(Refusal::FactorNeeded))), "{refused:?}");
    let admitted = stage.root.admit_enrolment(&stage.realm, &enrolment.id).await.unwrap();
    assert_eq!(admitted.state, EnrolmentState::Confirmed);
    assert_eq!(admitted.account_id, enrolment.factor_of);
    let (login, _, prompt) = claimed(&stage, &mut online, Some(pin(0))).await;
    let proof = phone.proof(&prompt).await;
    online.do_it(&Command::approve(&prompt).with_factor(proof)).await.unwrap();
    let identity = stage.api.redeem(&stage.realm, &login.id, None).await.unwrap();
    assert!(identity.second_factor.is_some());
    let accounts = stage.root.accounts(&stage.realm, "alice").await.unwrap();
    assert_eq!(accounts.len(), 1, "no further account came to be");
}

#[tokio::test]
async fn neither_the_key_of_the_account_nor_the_code_alone_changes_a_factor() {
    let pod = Pod::start();
    let stage = stage(&pod, EnrolmentFactor::Required).await;
    let phone = Phone::enrol(&pod, &stage, "alice").await;
    let (other, thief) = (Phone::enrol(&pod, &stage, "bob").await, Device::with_pin(&pod, PIN).await);
    let key = &phone.account.key;
    // The code with a key that is not the account's, new or another account's.
    let enrolment = renewal(&stage, &phone.account, Confirm::Admin).await;
    for (device, key) in [(&thief, &thief.keys.generate().unwrap()), (&other.device, &other.account.key)] {
        let refused = redeem(&enrolment, device, key).await.map(|_| ());
        assert!(matches!(refused, Err(PhoneError::Refused(Refusal::BadEnrolment))), "{refused:?}");
    }
    // The key of the account with a code that is for a new account.
    let fresh = stage.new_enrolment("alice", Confirm::Admin).await;
    let joining = open(&fresh, &phone.device).await.unwrap();
    let proof = prove(&phone.device, key, &joining.factor.clone().unwrap().1).await;
    let refused = joining.accept(key, NAMES, ReqId(random()), Some(&proof)).await.map(|_| ());
    assert!(matches!(refused, Err(PhoneError::Refused(Refusal::BadEnrolment))), "{refused:?}");
    // What would be no second opinion, and what is somebody else's.
    for (user, confirm, wanted) in [
        ("alice", Confirm::Phone, "confirm_not_allowed"),
        ("alice", Confirm::None, "further_phone"),
        ("bob", Confirm::Admin, "not_found"),
    ] {
        let new = NewEnrolment {
            factor_of: Some(phone.account.id.clone()),
            ..NewEnrolment::new(user.into(), confirm)
        };
        assert_eq!(code(stage.api.create_enrolment(&stage.realm, &new).await), wanted, "{user} {confirm:?}");
    }
}

#[tokio::test]
async fn a_forgotten_pin_is_replaced_and_the_old_factor_proves_nothing_any_more() {
    let pod = Pod::start();
    let stage = stage(&pod, EnrolmentFactor::Required).await;
    let old = Phone::enrol(&pod, &stage, "alice").await;
    // The same account, its key on a device that began anew at SFS.
    let key = old.account.key.clone();
    let mut renewed = Device::with_pin(&pod, PIN).await;
    renewed.keys = old.device.keys.clone();
    renewed.device.key = renewed.keys.generate().unwrap();
    renewed.connect().await.set(&super::device::typed(PIN)).await.unwrap();
    // A renewal that is cancelled changes nothing.
    let cancelled = renewal(&stage, &old.account, Confirm::Admin).await;
    redeem(&cancelled, &renewed, &key).await.unwrap();
    stage.api.cancel_enrolment(&stage.realm, &cancelled.id).await.unwrap();
    let mut online = old.connect().await;
    let (_, _, prompt) = claimed(&stage, &mut online, Some(pin(0))).await;
    let proof = old.proof(&prompt).await;
    online.do_it(&Command::approve(&prompt).with_factor(proof)).await.unwrap();
    let (_, _, before) = claimed(&stage, &mut online, Some(pin(0))).await;
    let stale = old.proof(&before).await;
    let enrolment = renewal(&stage, &old.account, Confirm::Admin).await;
    redeem(&enrolment, &renewed, &key).await.unwrap();
    stage.root.admit_enrolment(&stage.realm, &enrolment.id).await.unwrap();
    let stale = Command::approve(&before).with_factor(stale);
    assert_eq!(super::scene::refused(&mut online, &stale).await, Refusal::BadAttestation);
    let (_, _, prompt) = claimed(&stage, &mut online, Some(pin(0))).await;
    assert_ne!(prompt.factor.as_ref().unwrap().factor, before.factor.as_ref().unwrap().factor);
    let phone = Phone { device: renewed, account: old.account };
    let proof = phone.proof(&prompt).await;
    online.do_it(&Command::approve(&prompt).with_factor(proof)).await.unwrap();
    let _ = Online::connect(&phone.account, phone.device.keys.clone()).await.unwrap();
}

#[tokio::test]
async fn a_blocked_account_gets_no_factor() {
    let pod = Pod::start();
    let stage = stage(&pod, EnrolmentFactor::Required).await;
    let phone = Phone::enrol(&pod, &stage, "alice").await;
    let enrolment = renewal(&stage, &phone.account, Confirm::Admin).await;
    redeem(&enrolment, &phone.device, &phone.account.key).await.unwrap();
    stage.root.block_account(&stage.realm, &phone.account.id).await.unwrap();
    let admitted = stage.root.admit_enrolment(&stage.realm, &enrolment.id).await;
    assert_eq!(code(admitted), "account_not_active");
    let new = NewEnrolment {
        factor_of: Some(phone.account.id.clone()),
        ..NewEnrolment::new("alice".into(), Confirm::Admin)
    };
    assert_eq!(code(stage.api.create_enrolment(&stage.realm, &new).await), "account_not_active");
}
