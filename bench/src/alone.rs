//! Measures one pod by itself, with SQLite and live state in memory.

use std::{sync::Arc, time::Instant};

use countersign_sim::swarm::{Fleet, Scenario};
use countersign_testkit::program;

use crate::{
    Stop, WIDE, enrol,
    pod::Pods,
    reference,
    results::{Figure, PerCore, Results, Series, median, say},
    scene,
};

/// Numbers of sessions to hold, one after the other; the last one gives the figure.
const SESSIONS: [usize; 4] = [1000, 5000, 10_000, 19_000];
const FIRST_AIM_BYTES: f64 = 4096.0;
const FIRST_AIM_DRAIN: f64 = 10.0;
/// Operations per round, and number of rounds; the median round counts.
const CONNECTIONS: usize = 2000;
const LOGINS: usize = 1000;
const ROUNDS: usize = 5;
const STARTS: usize = 5;

/// Measures the time from process start to ready.
///
/// # Errors
/// When a pod does not start.
pub fn start(results: &mut Results) -> Result<(), Stop> {
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        ours.push(Pods::embedded()?.processes[0].started_in.as_secs_f64());
        let from = Instant::now();
        std::process::Command::new(program("countersign")).arg("--version").output()?;
        floor.push(from.elapsed().as_secs_f64());
    }
    let (value, reference) = (median(ours), median(floor));
    results.add(&Figure {
        name: "start_seconds",
        value,
        unit: "s",
        reference,
        ratio: value / reference,
        n: STARTS,
        how: "median, process start to ready.json on an empty directory; the reference is countersign \
            --version"
            .into(),
    });
    Ok(())
}

/// Measures everything else that one pod does.
///
/// # Errors
/// When a pod does not start or an operation fails.
pub async fn measure(results: &mut Results) -> Result<(), Stop> {
    let mut pods = Pods::embedded()?;
    let most = SESSIONS[SESSIONS.len() - 1];
    let mut fleet = enrol(&pods.aim()?, most).await?;
    let (mut bytes, mut connects) = (Vec::new(), Vec::new());
    for n in SESSIONS {
        say(&format!("holding {n} sessions"));
        pods.renew()?;
        fleet = Arc::new(fleet.at(&pods.aim()?.pods));
        let outcome = scene(Scenario::Idle, &Arc::new(fleet.first(n)), 0, WIDE, 0).await?;
        bytes.push(outcome.more["bytes_per_session"]);
        connects.push(outcome.more["cpu_us_to_connect"]);
    }
    let last = bytes[bytes.len() - 1];
    results.add(&Figure {
        name: "idle_session_bytes",
        value: last,
        unit: "B",
        reference: FIRST_AIM_BYTES,
        ratio: last / FIRST_AIM_BYTES,
        n: most,
        how: format!(
            "(Pss with n sessions - Pss before) / n; with {SESSIONS:?}: {bytes:.0?}; the reference \
            is the first aim"
        ),
    });
    let x: Vec<f64> = SESSIONS.iter().map(|&n| n as f64).collect();
    results.plot(
        "Memory of an idle session",
        "sessions",
        "B",
        &x,
        vec![Series::new("Pss growth / n", bytes)],
    );
    results.plot(
        "CPU to connect and authenticate",
        "sessions there are at the end",
        "µs",
        &x,
        vec![Series::new("pod", connects)],
    );
    rounds(results, &Arc::new(fleet.first(CONNECTIONS))).await?;
    say(&format!("draining {most} sessions"));
    let drained = scene(Scenario::Drain, &fleet, 0, WIDE, 0).await?;
    let seconds = drained.more["drain_seconds"];
    results.add(&Figure {
        name: "drain_seconds",
        value: seconds,
        unit: "s",
        reference: FIRST_AIM_DRAIN,
        ratio: seconds / FIRST_AIM_DRAIN,
        n: most,
        how: "SIGTERM until the last phone has read its Close (draining) and the end of its socket; the \
            reference is the first aim"
            .into(),
    });
    Ok(())
}

async fn rounds(results: &mut Results, few: &Arc<Fleet>) -> Result<(), Stop> {
    let mut handshakes = PerCore::new(
        "handshakes_per_core",
        CONNECTIONS,
        "1 HELLO, 1 P-256 verify; ours adds 1 accept and upgrade, 3 frames, 2 SQL reads",
    );
    let counts = "1 HELLO, 2 P-256 verify; ours adds 2 accepts and upgrades, 6 frames on the phone socket, \
        5 events on the page socket, 3 REST calls, 8 SQL reads, 2 SQL commits with 4 rows";
    let mut logins = PerCore::new("cold_logins_per_core", LOGINS, counts);
    for round in 1..=ROUNDS {
        say(&format!("round {round} of {ROUNDS}: {CONNECTIONS} handshakes, {LOGINS} cold logins"));
        let (hello, verify) = (reference::answer_hello()?, reference::verify()?);
        let idle = scene(Scenario::Idle, few, 0, WIDE, 0).await?;
        handshakes.add(idle.more["cpu_us_to_connect"] / 1e6, hello + verify);
        let login = scene(Scenario::Login, few, LOGINS, WIDE, 0).await?;
        logins.add(login.cpu_us_per_operation / 1e6, hello + 2.0 * verify);
    }
    results.add(&handshakes.figure());
    results.add(&logins.figure());
    Ok(())
}
