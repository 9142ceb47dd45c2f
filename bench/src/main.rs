//! `make bench`: measures the pods and writes the results.

use std::{path::Path, process::ExitCode};

use countersign_bench::{
    Stop, alone,
    results::{Results, say},
    sharing,
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
    // `alone` or `sharing` measures one half, `sharing 2` measures two pods only. Published figures
    // come from a run of everything.
    let part = std::env::args().nth(1);
    let pods = std::env::args().nth(2).map(|n| n.parse()).transpose()?;
    let wanted = |name: &str| part.as_deref().is_none_or(|part| part == name);
    if wanted("alone") {
        alone::start(&mut results)?;
        alone::measure(&mut results).await?;
    }
    if wanted("sharing") {
        sharing::measure(&mut results, pods).await?;
    }
    results.write(Path::new("bench"))
}
