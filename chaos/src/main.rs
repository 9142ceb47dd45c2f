//! `make chaos`.

use std::{io::Write, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use countersign_chaos::{
    Stop,
    run::{Plan, Report, run, say},
    world::Stack,
};

/// Breaks everything below three pods while people log in, and checks that no promise was broken.
#[derive(Parser)]
#[command(name = "countersign-chaos", version)]
struct Cli {
    /// A test build of the program (--features faults).
    #[arg(long, value_name = "FILE", default_value = "target/debug/countersign")]
    program: PathBuf,
    /// How many times something is broken, on each of the two stacks.
    #[arg(long, default_value_t = 30)]
    faults: usize,
    /// Questions asked at least, on each.
    #[arg(long, default_value_t = 8000)]
    operations: usize,
    /// People who log in at the same time.
    #[arg(long, default_value_t = 12)]
    people: usize,
    /// Which fault strikes when.
    #[arg(long)]
    seed: Option<u64>,
    /// A promise the pods break: the run must turn out badly.
    #[arg(long, value_name = "NAME")]
    sabotage: Option<String>,
    /// Only one: `wires` is PostgreSQL and Redis in TLS, `failover` is MariaDB and Sentinel.
    #[arg(long, value_name = "STACK", value_parser = ["wires", "failover"])]
    stack: Option<String>,
    /// Write everything that happened, a line of JSON each: `wires` or `failover` is put behind the
    /// name.
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// Where the figures go.
    #[arg(long, value_name = "FILE", default_value = "bench/chaos.json")]
    json: PathBuf,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            let _nobody_reads = e.print();
            return ExitCode::from(if e.use_stderr() { 2 } else { 0 });
        }
    };
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
    else {
        return ExitCode::FAILURE;
    };
    match runtime.block_on(both(&cli)) {
        Ok(report) if report.violations == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(3),
        Err(e) => {
            say(&format!("stopped: {e}"));
            ExitCode::FAILURE
        }
    }
}

async fn both(cli: &Cli) -> Result<Report, Stop> {
    let seed = cli.seed.unwrap_or_else(|| fastrand::u64(..));
    let mut all: Option<Report> = None;
    for (stack, name) in [(Stack::Wires, "wires"), (Stack::Failover, "failover")] {
        if cli.stack.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        say(&format!("{name}, seed {seed}"));
        let (faults, operations, people, sabotage) =
            (cli.faults, cli.operations, cli.people, cli.sabotage.clone());
        let history = cli.history.as_ref().map(|file| PathBuf::from(format!("{}.{name}", file.display())));
        let plan = Plan {
            stack,
            faults,
            operations,
            people,
            pause: Duration::from_millis(700),
            sabotage,
            seed,
            history,
        };
        let report = run(&cli.program, &plan).await?;
        all = Some(match all {
            Some(before) => before.and(report),
            None => report,
        });
    }
    let report = all.ok_or("nothing was run")?;
    std::fs::write(&cli.json, format!("{}\n", serde_json::to_string_pretty(&report)?))?;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{} faults, {} operations, {} violations in {} s",
        report.faults, report.operations, report.violations, report.seconds
    )?;
    for (rule, n) in &report.by_rule {
        writeln!(out, "{n:6} {rule}")?;
    }
    for v in &report.examples {
        writeln!(out, "{} broken by {}: {}", v.rule, v.about, v.why)?;
    }
    Ok(report)
}
