//! A PIN at SFS: set, proven, tried wrongly to the lock, changed, forgotten.

use std::{path::Path, process::Command};

use countersign_protocol::{
    attestation,
    codes::{PinPolicy, Refusal},
    ids::FactorId,
};
use countersign_sdk::{PinState, SfsAnswer};
use countersign_sim::{PhoneError, factor::Attested};

use super::device::{Device as Phone, typed};
use crate::support::Pod;

fn alone(dir: &Path) -> Pod {
    Pod::role("sfs", dir, &[], &[])
}

fn refused(code: Refusal) -> SfsAnswer {
    SfsAnswer::Refused { code, retry_after: None }
}

#[tokio::test]
async fn a_pin_is_set_proven_and_attested_and_the_attestation_says_what_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let pod = alone(dir.path());
    let phone = Phone::with_pin(&pod, "4729").await;
    let mut sfs = phone.connect().await;
    assert_eq!((sfs.status.state, sfs.status.tries_left, sfs.status.min_digits), (PinState::Set, 5, 4));
    let early = sfs.attest(None, [7; 32]).await.unwrap();
    assert_eq!(early, refused(Refusal::PinNotProven), "nothing is attested before the PIN is proven");
    let Attested { factor, attestation, keys } =
        sfs.prove_and_attest(&typed("4729"), None, [7; 32]).await.unwrap();
    let parsed = attestation::parse(&attestation).unwrap();
    let list = attestation::parse_keys(&keys).unwrap();
    let claims = &parsed.claims;
    assert_eq!((claims.sub, claims.ctx, claims.policy), (factor, [7; 32], PinPolicy::Lock));
    assert_eq!((claims.iss, claims.exp - claims.iat), (list.claims.iss, 60));
    let key = list.claims.key(&parsed.kid, claims.iat).expect("it is listed");
    countersign_channel::p256::verify(&key.public, parsed.signing_input.as_bytes(), &parsed.signature)
        .unwrap();
    // The same connection attests again, for the same factor; another phone's factor is not its own.
    let again = sfs.attest(Some(factor), [8; 32]).await.unwrap();
    let SfsAnswer::Attested { factor: same, attestation: next, .. } = again else { panic!("{again:?}") };
    assert_eq!(same, factor);
    assert_ne!(attestation::parse(&next).unwrap().claims.jti, claims.jti);
    let other = Phone::with_pin(&pod, "8305").await;
    let mut thief = other.connect().await;
    assert_eq!(thief.prove(&typed("8305")).await.unwrap(), SfsAnswer::Proven);
    for unknown in [factor, FactorId([9; 16])] {
        let answer = thief.attest(Some(unknown), [7; 32]).await.unwrap();
        assert_eq!(answer, refused(Refusal::UnknownFactor));
    }
    let (_, metrics) = pod.admin("/metrics").await;
    for (what, n) in [("set", 2), ("proven", 2), ("tried", 2), ("locked", 0)] {
        let line = format!("countersign_sfs_pins_total{{service=\"sfs\",what=\"{what}\"}} {n}");
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
}

#[tokio::test]
async fn wrong_pins_lead_to_waits_and_a_lock_that_nothing_opens() {
    let dir = tempfile::tempdir().unwrap();
    let pod = alone(dir.path());
    let phone = Phone::with_pin(&pod, "4729").await;
    let mut sfs = phone.connect().await;
    let right = typed("4729");
    assert_eq!(sfs.prove(&typed("1111")).await.unwrap(), SfsAnswer::WrongPin { tries_left: 4 });
    assert_eq!(sfs.prove(&right).await.unwrap(), SfsAnswer::Proven);
    for tries_left in [4, 3, 2] {
        assert_eq!(sfs.prove(&typed("1111")).await.unwrap(), SfsAnswer::WrongPin { tries_left });
    }
    let SfsAnswer::Refused { code: Refusal::RateLimited, retry_after: Some(secs) } =
        sfs.prove(&right).await.unwrap()
    else {
        panic!("the third wrong PIN costs a wait");
    };
    assert!((1..=30).contains(&secs), "{secs}");
    // A new connection has to wait as well, and knows for how long.
    assert!(phone.connect().await.status.wait_secs.is_some_and(|secs| (1..=30).contains(&secs)));
    pod.later(31).await;
    let mut sfs = phone.connect().await;
    assert_eq!(sfs.prove(&typed("1111")).await.unwrap(), SfsAnswer::WrongPin { tries_left: 1 });
    pod.later(301).await;
    assert_eq!(sfs.prove(&typed("1111")).await.unwrap(), SfsAnswer::WrongPin { tries_left: 0 });
    pod.later(301).await;
    // Neither the right PIN nor a new one nor forgetting the device opens it, now or ever.
    for _ in 0..2 {
        let mut sfs = phone.connect().await;
        assert_eq!((sfs.status.state, sfs.status.tries_left), (PinState::Locked, 0));
        assert_eq!(sfs.prove(&right).await.unwrap(), refused(Refusal::PinLocked));
        assert_eq!(sfs.set(&right).await.unwrap(), refused(Refusal::PinLocked));
        assert_eq!(sfs.forget().await.unwrap(), refused(Refusal::PinLocked));
        assert_eq!(sfs.attest(None, [1; 32]).await.unwrap(), refused(Refusal::PinLocked));
        pod.later(1_000_000).await;
    }
    let (_, metrics) = pod.admin("/metrics").await;
    assert!(metrics.contains("countersign_sfs_pins_total{service=\"sfs\",what=\"locked\"} 1"), "{metrics}");
}

#[tokio::test]
async fn where_the_policy_wipes_the_phone_learns_that_nothing_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let pod = Pod::role("sfs", dir.path(), &[], &[("COUNTERSIGN_SFS_POLICY", "wipe")]);
    let phone = Phone::with_pin(&pod, "4729").await;
    let mut sfs = phone.connect().await;
    let Attested { factor, attestation, .. } =
        sfs.prove_and_attest(&typed("4729"), None, [1; 32]).await.unwrap();
    assert_eq!(attestation::parse(&attestation).unwrap().claims.policy, PinPolicy::Wipe);
    for wait in [0, 0, 31, 301, 301] {
        pod.later(wait).await;
        let answer = phone.connect().await.prove(&typed("1111")).await.unwrap();
        assert!(matches!(answer, SfsAnswer::WrongPin { .. }), "{answer:?}");
    }
    pod.later(31).await;
    let mut sfs = phone.connect().await;
    assert_eq!(sfs.status.state, PinState::Wiped);
    let answer = sfs.attest(Some(factor), [1; 32]).await.unwrap();
    assert_eq!(answer, refused(Refusal::PinLocked));
}

#[tokio::test]
async fn a_pin_is_changed_with_the_old_one_and_forgotten_with_the_device() {
    let dir = tempfile::tempdir().unwrap();
    let pod = alone(dir.path());
    let phone = Phone::with_pin(&pod, "4729").await;
    let mut sfs = phone.connect().await;
    let Attested { factor, .. } = sfs.prove_and_attest(&typed("4729"), None, [1; 32]).await.unwrap();
    assert_eq!(sfs.set(&typed("8305")).await.unwrap(), SfsAnswer::Set);
    let stale = sfs.attest(Some(factor), [2; 32]).await.unwrap();
    assert_eq!(stale, refused(Refusal::PinNotProven), "the new PIN has not been proven yet");
    assert_eq!(sfs.prove(&typed("4729")).await.unwrap(), SfsAnswer::WrongPin { tries_left: 4 });
    let kept = sfs.prove_and_attest(&typed("8305"), Some(factor), [3; 32]).await.unwrap();
    assert_eq!(kept.factor, factor, "the factor stays");
    assert_eq!(sfs.forget().await.unwrap(), SfsAnswer::Forgotten);
    assert_eq!(sfs.prove(&typed("8305")).await.unwrap(), refused(Refusal::NoPin));
    assert_eq!(sfs.forget().await.unwrap(), refused(Refusal::NoPin));
    let mut sfs = phone.connect().await;
    assert_eq!(sfs.status.state, PinState::None);
    assert_eq!(sfs.set(&typed("8305")).await.unwrap(), SfsAnswer::Set);
    assert_eq!(sfs.prove(&typed("8305")).await.unwrap(), SfsAnswer::Proven);
    let gone = sfs.attest(Some(factor), [4; 32]).await.unwrap();
    assert_eq!(gone, refused(Refusal::UnknownFactor), "its factors are gone with it");
}

#[tokio::test]
async fn of_two_connections_the_later_try_counts() {
    let dir = tempfile::tempdir().unwrap();
    let pod = alone(dir.path());
    let phone = Phone::with_pin(&pod, "4729").await;
    let (mut one, mut other) = (phone.connect().await, phone.connect().await);
    let displaced = one.prove(&typed("4729")).await;
    assert!(matches!(displaced, Err(PhoneError::Closed(_) | PhoneError::Unreachable(_))), "{displaced:?}");
    assert_eq!(other.prove(&typed("4729")).await.unwrap(), SfsAnswer::Proven);
}

#[tokio::test]
async fn a_restored_database_is_noticed_and_leaves_one_try_when_it_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("sfs");
    let mut pod = alone(&data);
    let phone = Phone::with_pin(&pod, "4729").await;
    pod.signal("TERM");
    pod.ended().await;
    let backup = std::fs::read(data.join("sfs.sqlite")).unwrap();
    let mut pod = alone(&data);
    let mut sfs = phone.connect_to(&pod).await;
    assert_eq!(sfs.prove(&typed("1111")).await.unwrap(), SfsAnswer::WrongPin { tries_left: 4 });
    // The file is written within a second.
    let seen = || std::fs::read_to_string(data.join("evaluations")).unwrap_or_default();
    while !seen().contains('1') {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    pod.signal("TERM");
    pod.ended().await;
    std::fs::write(data.join("sfs.sqlite"), backup).unwrap();
    let pod = alone(&data);
    let (code, body) = pod.admin("/readyz").await;
    assert!(code == 503 && body.contains("countersign sfs restored"), "{code} {body}");
    let mut sfs = phone.connect_to(&pod).await;
    assert_eq!(sfs.prove(&typed("4729")).await.unwrap(), refused(Refusal::Unavailable));
    let out = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["sfs", "restored", "--json", "--data"])
        .arg(&data)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), r#"{"one_try_left":1}"#, "{out:?}");
    pod.until_ready().await;
    let mut sfs = phone.connect_to(&pod).await;
    assert_eq!(sfs.status.tries_left, 1);
    assert_eq!(sfs.prove(&typed("4729")).await.unwrap(), SfsAnswer::Proven);
    assert_eq!(phone.connect_to(&pod).await.status.tries_left, 5);
}
