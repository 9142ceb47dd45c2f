//! Tests of the tests: on a pod that violates one guarantee on purpose, the story of that guarantee
//! must fail.

use std::{panic::AssertUnwindSafe, time::Duration};

use countersign_ports::sabotage::Sabotage;
use futures_util::FutureExt;

use crate::{stories, support::Pod};

/// Returns whether the story fails. A story that hangs has failed, too.
async fn fails(story: impl Future<Output = ()>) -> bool {
    let story = Box::pin(AssertUnwindSafe(story).catch_unwind());
    !matches!(tokio::time::timeout(Duration::from_secs(90), story).await, Ok(Ok(())))
}

fn broken(fault: Sabotage) -> Pod {
    Pod::with(&["--fault", fault.as_str()], &[("COUNTERSIGN_WAIT_SAFETY_POLL_MS", "60000")])
}

#[tokio::test]
async fn dropping_a_publish_is_noticed() {
    let pod = broken(Sabotage::DropPublish);
    assert!(fails(stories::everybody_learns_at_once(&pod)).await);
}

#[tokio::test]
async fn skipping_the_compare_is_noticed() {
    let pod = broken(Sabotage::SkipCompare);
    assert!(fails(stories::one_login_has_one_claimant(&pod)).await);
}

#[tokio::test]
async fn approving_twice_is_noticed() {
    let pod = broken(Sabotage::ApproveTwice);
    assert!(fails(stories::one_login_has_one_outcome(&pod)).await);
}

#[tokio::test]
async fn acknowledging_before_the_commit_is_noticed() {
    // The realm itself may be lost, too. Then the pod does not even start, which also counts as
    // detected.
    let pod = std::panic::catch_unwind(|| broken(Sabotage::AckBeforeCommit));
    if let Ok(pod) = pod {
        assert!(fails(stories::an_acknowledged_approval_survives_a_crash(pod)).await);
    }
}

#[tokio::test]
async fn losing_an_expiry_is_noticed() {
    let pod = broken(Sabotage::LoseExpiry);
    assert!(fails(stories::a_login_expires_for_everybody(&pod)).await);
}

#[tokio::test]
async fn reusing_a_code_is_noticed() {
    let pod = broken(Sabotage::ReuseCode);
    assert!(fails(stories::a_code_makes_one_account(&pod)).await);
}

#[tokio::test]
async fn evaluating_before_counting_is_noticed() {
    let pod = broken(Sabotage::CountAfterEvaluation);
    assert!(fails(stories::sfs::a_wrong_pin_costs_a_try(&pod)).await);
}

#[tokio::test]
async fn giving_tries_back_is_noticed() {
    let pod = broken(Sabotage::RestoreTries);
    assert!(fails(stories::sfs::a_wrong_pin_costs_a_try(&pod)).await);
}

#[tokio::test]
async fn attesting_for_anybody_is_noticed() {
    let pod = broken(Sabotage::AttestForAnybody);
    assert!(fails(stories::sfs::a_factor_is_attested_for_its_own_device(&pod)).await);
}

#[tokio::test]
async fn spending_an_attestation_twice_is_noticed() {
    let pod = broken(Sabotage::SpendTwice);
    assert!(fails(stories::sfs::an_attestation_counts_once(&pod)).await);
}

#[tokio::test]
async fn trusting_any_root_is_noticed() {
    let pod = broken(Sabotage::TrustAnyRoot);
    assert!(fails(stories::sfs::only_a_listed_root_is_believed(&pod)).await);
}

#[test]
fn every_fault_has_a_test_here() {
    let source = include_str!("sabotage.rs");
    for fault in Sabotage::ALL {
        assert!(source.contains(&format!("broken(Sabotage::{fault:?})")), "{fault:?} is not told here");
    }
}
