//! `make bench` and `make soak-short`: measures the pods and writes the results.

use std::{path::Path, process::ExitCode};

use countersign_bench::{
    Stop, alone, pins,
    results::{Results, say},
    sharing, soak,
};

fn main() -> ExitCode {
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
    else {
        return ExitCode::FAILURE;
    };
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
    if let Some(minutes) = minutes_of_soak()? {
        soak::measure(&mut results, minutes).await?;
        let (figures, page) = (Path::new("bench/soak.json"), Path::new("bench/soak.html"));
        return results.write(figures, page, "Countersign: a pod under load for some time");
    }
    // `alone`, `pins` or `sharing` measures one part, `sharing 2` measures two pods only. Published figures
    // come from a run of everything.
    let part = std::env::args().nth(1);
    let pods = std::env::args().nth(2).map(|n| n.parse()).transpose()?;
    let wanted = |name: &str| part.as_deref().is_none_or(|part| part == name);
    if wanted("alone") {
        alone::start(&mut results)?;
        alone::measure(&mut results).await?;
    }
    if wanted("pins") {
        pins::measure(&mut results).await?;
    }
    if wanted("sharing") {
        sharing::measure(&mut results, pods).await?;
    }
    let (figures, page) = (Path::new("bench/results.json"), Path::new("bench/growth.html"));
    results.write(figures, page, "Countersign: how figures grow")
}

/// The minutes of `soak 10`, if that is what is asked for.
fn minutes_of_soak() -> Result<Option<u64>, Stop> {
    let mut given = std::env::args().skip(1);
    if given.next().as_deref() != Some("soak") {
        return Ok(None);
    }
    let minutes = given.next().ok_or("say for how many minutes: `soak 10`")?;
    Ok(Some(minutes.parse().map_err(|_| format!("{minutes} is no number of minutes"))?))
}
