//! What a second factor promises.

use countersign_api::EnrolmentFactor;
use countersign_channel::random;
use countersign_sdk::{Command, FactorId, Refusal, ReqId, SfsAnswer};
use countersign_sim::{Online, PhoneError, factor::Attested};

use crate::{
    sfs::{
        device::{Device, typed},
        forger::Forger,
        scene::{NAMES, claimed, join, pin, refused, stage, trust},
    },
    support::Pod,
};

/// Each wrong PIN uses up a try, on whichever connection, until the PIN is proven.
pub async fn a_wrong_pin_costs_a_try(pod: &Pod) {
    let phone = Device::with_pin(pod, "4729").await;
    for tries_left in [4, 3, 2] {
        let mut sfs = phone.connect().await;
        assert_eq!(sfs.status.tries_left, tries_left + 1);
        assert_eq!(sfs.prove(&typed("1111")).await.unwrap(), SfsAnswer::WrongPin { tries_left });
    }
}

/// Nobody gets an attestation of a factor that another device has.
pub async fn a_factor_is_attested_for_its_own_device(pod: &Pod) {
    let (phone, thief) = (Device::with_pin(pod, "4729").await, Device::with_pin(pod, "4729").await);
    let Attested { factor, .. } =
        phone.connect().await.prove_and_attest(&typed("4729"), None, [1; 32]).await.unwrap();
    let stolen = thief.connect().await.prove_and_attest(&typed("4729"), Some(factor), [1; 32]).await;
    assert!(matches!(stolen, Err(PhoneError::Refused(Refusal::UnknownFactor))), "{stolen:?}");
}

/// An attestation counts once, even when an SFS gives two of one id.
pub async fn an_attestation_counts_once(pod: &Pod) {
    let stage = stage(pod, EnrolmentFactor::Required).await;
    let sfs = Forger::new();
    trust(&stage, &sfs.listed(), &[]).await;
    let (device, factor) = (Device::at(pod), FactorId(random()));
    let (joining, key) = join(&stage, &device, "alice").await;
    let (_, asked) = joining.factor.clone().unwrap();
    let proof = sfs.proof((&device, &key), &asked, factor, random());
    let enrolled = joining.accept(&key, NAMES, ReqId(random()), Some(&proof)).await.unwrap();
    let mut online = Online::connect(&enrolled.account, device.keys.clone()).await.unwrap();
    let jti = random();
    for first in [true, false] {
        let (_, _, prompt) = claimed(&stage, &mut online, Some(pin(0))).await;
        let proof = sfs.proof((&device, &key), prompt.factor.as_ref().unwrap(), factor, jti);
        let approve = Command::approve(&prompt).with_factor(proof);
        if first {
            online.do_it(&approve).await.unwrap();
        } else {
            assert_eq!(refused(&mut online, &approve).await, Refusal::BadAttestation);
        }
    }
}

/// What an SFS says whose root the app does not list counts for nothing.
pub async fn only_a_listed_root_is_believed(pod: &Pod) {
    let stage = stage(pod, EnrolmentFactor::Required).await;
    let device = Device::at(pod);
    let (joining, key) = join(&stage, &device, "alice").await;
    let (_, asked) = joining.factor.clone().unwrap();
    let proof = Forger::new().proof((&device, &key), &asked, FactorId(random()), random());
    let enrolled = joining.accept(&key, NAMES, ReqId(random()), Some(&proof)).await.map(|_| ());
    assert!(matches!(enrolled, Err(PhoneError::Refused(Refusal::BadAttestation))), "{enrolled:?}");
}
