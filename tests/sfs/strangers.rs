//! What SFS says to those who do not hold a device's key.

use countersign_protocol::{
    codes::Close,
    frames::{AuthDevice, DeviceKind, Goodbye, SfsPhoneFrame},
};
use countersign_sdk::{KeyStore, PinState, SfsAnswer};

use super::{
    device::{Device, typed},
    skeleton::talk,
};
use crate::{stories::sfs as stories, support::Pod};

/// A first frame for this device, with a signature that is none.
fn forged(device: &Device) -> SfsPhoneFrame {
    let public_key = device.keys.public(&device.device.key).unwrap();
    AuthDevice { kind: DeviceKind, sig: [2; 64], app_version: None, public_key }.into()
}

#[tokio::test]
async fn who_does_not_hold_a_devices_key_gets_the_same_answer_whatever_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let pod = Pod::role("sfs", dir.path(), &[], &[]);
    let (unknown, set, locked) =
        (Device::at(&pod), Device::with_pin(&pod, "4729").await, Device::with_pin(&pod, "4729").await);
    for wait in [0, 0, 31, 301, 301] {
        pod.later(wait).await;
        let answer = locked.connect().await.prove(&typed("1111")).await.unwrap();
        assert!(matches!(answer, SfsAnswer::WrongPin { .. }), "{answer:?}");
    }
    pod.later(301).await;
    assert_eq!(locked.connect().await.status.state, PinState::Locked);
    let pin = set.device.server.pin().unwrap();
    let refused = (vec![Goodbye { code: Close::AuthFailed }.into()], 4000 + Close::AuthFailed.code());
    for device in [&unknown, &set, &locked] {
        assert_eq!(talk(&pod.url("sfs"), &pin, &forged(device)).await, refused);
    }
    assert_eq!(set.connect().await.status.tries_left, 5, "nobody else uses up a try");
}

#[tokio::test]
async fn what_a_second_factor_promises_is_kept() {
    let pod = Pod::start();
    stories::a_wrong_pin_costs_a_try(&pod).await;
    stories::a_factor_is_attested_for_its_own_device(&pod).await;
    stories::an_attestation_counts_once(&pod).await;
    stories::only_a_listed_root_is_believed(&pod).await;
}
