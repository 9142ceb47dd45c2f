//! A short form of `make chaos`: everything below three pods breaks while people log in; and each
//! guarantee that is violated on purpose must be detected.

use std::{path::Path, time::Duration};

use countersign_chaos::{
    run::{Plan, Report, run},
    world::Stack,
};
use countersign_ports::sabotage::Sabotage;

const PROGRAM: &str = env!("CARGO_BIN_EXE_countersign");

fn installed() -> bool {
    [
        countersign_testkit::postgres().is_some(),
        countersign_testkit::mariadb().is_some(),
        countersign_testkit::redis().is_some(),
    ] == [true; 3]
}

/// Runs the chaos test. Returns `None` where servers are not installed, which is a failure in CI.
async fn told(stack: Stack, faults: usize, operations: usize, sabotage: Option<Sabotage>) -> Option<Report> {
    let sabotage = sabotage.map(|name| name.as_str().to_owned());
    let plan = Plan {
        stack,
        faults,
        operations,
        people: 6,
        pause: Duration::from_millis(500),
        sabotage,
        seed: 7,
        history: None,
    };
    if installed() { Some(run(Path::new(PROGRAM), &plan).await.unwrap()) } else { None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_breaks_on_its_wires_no_promise_is_broken() {
    let Some(report) = told(Stack::Wires, 8, 400, None).await else { return };
    assert_eq!((report.faults, report.violations), (8, 0), "{report:#?}");
    assert!(report.operations >= 400, "{report:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_breaks_under_a_sentinel_no_promise_is_broken() {
    let Some(report) = told(Stack::Failover, 5, 200, None).await else { return };
    assert_eq!((report.faults, report.violations), (5, 0), "{report:#?}");
}

/// Returns the rules that a violated guarantee violates; nothing else is broken but the clocks at
/// the end.
async fn broken(promise: Sabotage) -> Vec<&'static str> {
    let Some(report) = told(Stack::Wires, 0, 600, Some(promise)).await else { return vec!["not installed"] };
    report.by_rule.into_iter().filter(|(_, n)| *n > 0).map(|(rule, _)| rule).collect()
}

macro_rules! sabotages {
    ($($test:ident: $promise:ident breaks $($rule:literal)|+;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            let rules = broken(Sabotage::$promise).await;
            assert!(rules.iter().any(|r| [$($rule,)+ "not installed"].contains(r)), "{rules:?}");
        }
    )*

    #[test]
    fn every_broken_promise_is_tried() {
        let tried = [$(Sabotage::$promise),*].len() + OF_FACTORS.len();
        assert_eq!(tried, Sabotage::ALL.len());
    }};
}

/// Promises that these clients do not use: they have no second factor. `sabotage.rs` tries them.
const OF_FACTORS: [Sabotage; 5] = [
    Sabotage::CountAfterEvaluation,
    Sabotage::RestoreTries,
    Sabotage::AttestForAnybody,
    Sabotage::SpendTwice,
    Sabotage::TrustAnyRoot,
];

sabotages! {
    a_dropped_publish_turns_it_red: DropPublish breaks "everybody_learns";
    a_skipped_compare_turns_it_red: SkipCompare breaks "one_claimant";
    approving_twice_turns_it_red: ApproveTwice breaks "one_outcome" | "acknowledged_stays";
    acknowledging_before_the_commit_turns_it_red: AckBeforeCommit breaks "acknowledged_stays"
        | "one_account_per_code" | "one_redeem";
    a_lost_expiry_turns_it_red: LoseExpiry breaks "everybody_learns";
    a_reused_code_turns_it_red: ReuseCode breaks "one_account_per_code";
}
