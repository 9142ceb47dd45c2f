//! `make bench`.

use std::{path::Path, process::ExitCode, time::Instant};

use countersign_bench::{
    Stop,
    pod::{Pod, program},
    reference,
    results::{Figure, PerCore, Results, median, say},
    scenes,
};

const PHONES: usize = 5000;
/// Operations of one round, and rounds; the median round counts.
const CONNECTIONS: usize = 2000;
const LOGINS: usize = 1000;
const ROUNDS: usize = 5;
const STARTS: usize = 5;

fn main() -> ExitCode {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return ExitCode::FAILURE };
    match runtime.block_on(run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            say(&format!("stopped: {e}"));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Stop> {
    let mut results = Results::default();
    start(&mut results)?;
    let pod = Pod::start()?;
    let api = pod.client().await?;
    say(&format!("enrolling {PHONES} phones"));
    let phones = scenes::enrol(&api, PHONES).await?;
    say("holding them idle");
    let bytes = scenes::idle(&pod, &phones).await?;
    results.add(&Figure {
        name: "idle_session_bytes",
        value: bytes,
        unit: "B",
        reference: FIRST_AIM,
        ratio: bytes / FIRST_AIM,
        n: PHONES,
        how: "(Pss with n sessions - Pss before) / n; the reference is the first aim".into(),
    });
    let mut handshakes =
        PerCore::new("handshakes_per_core", CONNECTIONS, "1 HELLO, 1 P-256 verify; ours adds 1 accept and upgrade, 3 frames, 2 SQL reads");
    let counts = "1 HELLO, 2 P-256 verify; ours adds 2 accepts and upgrades, 6 frames on the phone socket, 5 events on the page socket, 3 REST calls, 8 SQL reads, 2 SQL commits with 4 rows";
    let mut logins = PerCore::new("cold_logins_per_core", LOGINS, counts);
    for round in 1..=ROUNDS {
        say(&format!("round {round} of {ROUNDS}: {CONNECTIONS} handshakes, {LOGINS} cold logins"));
        let (hello, verify) = (reference::answer_hello()?, reference::verify()?);
        handshakes.add(scenes::handshakes(&pod, &phones, CONNECTIONS).await?, hello + verify);
        logins.add(scenes::cold_logins(&pod, &api, &phones, LOGINS).await?, hello + 2.0 * verify);
    }
    results.add(&handshakes.figure());
    results.add(&logins.figure());
    results.write(Path::new("bench/results.json"))
}

/// First aim for an idle session, in bytes.
const FIRST_AIM: f64 = 6144.0;

fn start(results: &mut Results) -> Result<(), Stop> {
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        ours.push(Pod::start()?.started_in.as_secs_f64());
        let from = Instant::now();
        std::process::Command::new(program()?).arg("--version").output()?;
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
        how: "median, process start to ready.json on an empty directory; the reference is countersign --version".into(),
    });
    Ok(())
}
