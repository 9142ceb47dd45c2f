#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod alone;
pub mod pins;
pub mod pod;
pub mod raw_redis;
pub mod reference;
pub mod results;
pub mod sharing;
pub mod soak;

use std::{sync::Arc, time::Duration};

use countersign_sim::swarm::{self, Aim, Fleet, Load, Outcome, Scenario, Tally};

/// Any error that stops a measurement.
pub type Stop = Box<dyn std::error::Error + Send + Sync>;

/// Number of operations in progress at a time.
pub(crate) const WIDE: usize = 64;

pub(crate) async fn enrol(aim: &Aim, phones: usize) -> Result<Arc<Fleet>, Stop> {
    results::say(&format!("enrolling {phones} phones"));
    Ok(Arc::new(Fleet::enrol(aim, phones, &Tally::new(true)).await?))
}

/// Runs a scenario of the swarm; one failed operation is an error.
pub(crate) async fn scene(
    scenario: Scenario,
    fleet: &Arc<Fleet>,
    operations: usize,
    wide: usize,
    rate: u32,
) -> Result<Outcome, Stop> {
    let load = Load { operations, wide, rate, hold: Duration::ZERO };
    let outcome = swarm::run(scenario, fleet, load, &Arc::new(Tally::new(true))).await?;
    if outcome.failed > 0 {
        return Err(format!("{}: {:?}", outcome.scenario, outcome.failures).into());
    }
    Ok(outcome)
}
