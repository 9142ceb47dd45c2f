//! `make bench`.

use std::{path::Path, process::ExitCode, time::Instant};

use countersign_bench::{
    Stop,
    pod::{Pod, program},
    reference,
    results::{Figure, Results, say},
    scenes,
};

const PHONES: usize = 5000;
const CONNECTIONS: usize = 4000;
const LOGINS: usize = 1500;
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
    say("measuring the reference");
    let (hello, verify) = (reference::answer_hello()?, reference::verify()?);
    let pod = Pod::start()?;
    let api = pod.client().await?;
    say(&format!("enrolling {PHONES} phones"));
    let phones = scenes::enrol(&api, PHONES).await?;
    say("holding them idle");
    let bytes = scenes::idle(&pod, &phones).await?;
    results.add(&Figure { name: "idle_session_bytes", value: bytes, unit: "B", reference: 6144.0, ratio: bytes / 6144.0, n: PHONES, how: "(Pss with n sessions - Pss before) / n; the reference is the first aim".into() });
    say(&format!("{CONNECTIONS} handshakes"));
    let each = scenes::handshakes(&pod, &phones, CONNECTIONS).await?;
    per_core(&mut results, "handshakes_per_core", each, hello + verify, CONNECTIONS, "1 HELLO, 1 P-256 verify");
    say(&format!("{LOGINS} cold logins"));
    let each = scenes::cold_logins(&pod, &api, &phones, LOGINS).await?;
    per_core(&mut results, "cold_logins_per_core", each, hello + 2.0 * verify, LOGINS, "1 HELLO, 2 P-256 verify; ours adds 1 upgrade and 6 frames on the phone socket, 1 upgrade and 5 events on the page socket, 3 REST calls, 2 SQL commits with 4 rows");
    results.write(Path::new("bench/results.json"))
}

fn per_core(results: &mut Results, name: &str, each: f64, reference: f64, n: usize, counts: &str) {
    let how = format!("{:.0} us of pod CPU each; reference {:.0} us: {counts}", each * 1e6, reference * 1e6);
    results.add(&Figure { name, value: 1.0 / each, unit: "1/s/core", reference: 1.0 / reference, ratio: reference / each, n, how });
}

fn start(results: &mut Results) -> Result<(), Stop> {
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        ours.push(Pod::start()?.started_in.as_secs_f64());
        let from = Instant::now();
        std::process::Command::new(program()?).arg("--version").output()?;
        floor.push(from.elapsed().as_secs_f64());
    }
    let median = |v: &mut Vec<f64>| {
        v.sort_by(f64::total_cmp);
        v[v.len() / 2]
    };
    let (value, reference) = (median(&mut ours), median(&mut floor));
    results.add(&Figure { name: "start_seconds", value, unit: "s", reference, ratio: value / reference, n: STARTS, how: "median, process start to ready.json on an empty directory; the reference is countersign --version".into() });
    Ok(())
}
